// Package sim is a deterministic world: simulated MySQL servers, a network that is cut, delays and loses
// packets, nodes that crash, pause and have clocks of their own, clients that remember what was
// acknowledged to them, and people who meddle. On every node runs the daemon's own code, whole:
// controller.Controller with its loops, crews and warm sessions, executor.Executor, guard.Renewer with its keepers
// and guard.Granter, package failover, and fsm.Machine with every command encoded and decoded. Everything follows from
// one seed.
//
// # How goroutines are deterministic
//
// A world lives in a bubble of testing/synctest, so that the daemons' goroutines, timers and contexts
// run on virtual time unchanged. One goroutine owns the world: it takes one event from its queue after the
// other and sleeps until the next. Daemons never touch the world. What they ask of it (a statement on a
// session, a proposal, a proof of leadership) they put into a box, and wait; once all of them wait, the
// world takes the requests in the order of their keys, which name node, server and matter and never a
// goroutine. It answers one of them at a time, and lets the daemons come to rest before the next. What
// they only look at (state, views, leadership) they read while the world rests. Each lane of a node is
// woken at an instant of its own within a microsecond, so that no two timers are due at one instant, whose
// order the runtime would draw. TestSameSeedSameWorld compares transcripts.
//
// # What is a model
//
// The Raft group (group.go): the library draws its timeouts and runs on goroutines and sockets that no seed
// can order. The model has what matters to its users: terms, votes, logs that lag, commands of a deposed leader
// that survive or do not, leaders that do not know yet that they are deposed, and proofs by a quorum asked now. The real
// library is tested in raftnode and integration. The observer (node.go) and the servers (server.go,
// conn.go, session.go) stand for observer and mysql, whose other end would be real MySQL; sessions have the
// same conditions in the same order. Reports are sets of transactions on the disks of nodes, of which other nodes fetch
// copies as package app does (copies.go); a disk is lost only where another one has all that was on it, and what a replay
// decides is not sent to the copy before the replay ends.
//
// # Guarded primaries
//
// In a third of the worlds the policy wants the in-server guard. Servers then have clocks of their own, a lease row and
// an event that is due by that clock (guard.go, after docs/adr/0009): it stands still while the process is paused and
// runs a while after that, in no order with what clients do; it cannot run under super_read_only or while a change to
// that is pending; it is copied by a clone; people stop it, lock its table and set its clock. Renewers reach
// servers and the leader over the network of the world (renew.go), and what they sent may arrive after they gave up.
// What happens in these worlds is told as short stories (guardplan.go), since a lease lapses only after many seconds
// without other faults. A process that is paused and a clock that is set while nobody can see it are what the argument of
// package guard does not cover; the judge knows of both, and excuses no more than them (guardjudge.go).
//
// # Invariants
//
// They are those of the safety model, judged by the truth that no daemon knows, at each event that could break
// them (judge.go, record.go):
//
//   - I1: only the server opened last acknowledges; evidence against every earlier writer, and it is true;
//   - I2: no candidate and no opening outside the home region without an override;
//   - I3: what refuses or holds touches nothing, and what is given up leaves servers as they were;
//   - I4: the primary has what clients were told; it opens with its ackers attached, and again only with its tail on
//     them; a client is told of a commit only when the agreed number of ackers has it, or it is agreed and shown that
//     nobody may (when_missing: degrade, an override);
//   - I5: nothing is re-pointed, rebuilt or reset while it holds what nobody has captured;
//   - I6: steps are intended in the record before they are taken, and their outcome is recorded once;
//   - I7: captured = listed + undecodable, and a complete report has all of it;
//   - copies: whoever is said to hold the files of a report has all of them, or has lost them since; what changes them
//     counts; the last copy is given up only of what is settled and holds no server back; in the end all are on two nodes;
//   - I8: with all nodes dead a primary goes on acknowledging; with a guard it stops once its lease has run out, unless
//     its policy is to serve and a node beside it finds no claim at any candidate;
//   - fleet: a recovery that nobody ordered begins only where the limits over all clusters let it, by what is agreed
//     and by what is true; pause: none begins, and nothing is done, while a person has stopped automation;
//   - a lease that is cited has lapsed in truth, no renewal outlasts the wait for that, and none is of another row than
//     was permitted;
//   - no guard is touched where the policy wants none;
//   - fence: no statement from before a server was opened closes it after that;
//   - no step by a leader takes effect whose lock was taken after a later one was elected;
//   - at the end everything is healed, and the world must come to rest with all servers equal.
//
// One world in ten has two more clusters beside the one that everything is about (fleet.go): what clusters have in
// common is nodes, network and brakes. Their loops take turns there, and no node is paused, so that a seed still
// says everything.
//
// # Stories
//
// Faults that know nothing of each other hit some windows in one world of thousands: a statement that hangs just
// when a candidate is opened, while a server comes back that will acknowledge to it. In a fifth of the worlds, none of them
// guarded, a story happens (story.go): faults aimed at such a window, often at the very moment when something is agreed
// and nobody has acted on it yet. Mostly it is all that happens.
//
// Whether worlds and invariants notice what the code is there for is tried by breaking it: see mutants.
//
// # When a seed fails
//
// What happens to a world is a list of decisions (plan.go), each of which draws from a source of its own, so
// that any can be left out. With -shrink the fewest that still fail are looked for.
package sim
