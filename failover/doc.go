// Package failover holds what to do. Decide is a pure function from the agreed state of a cluster and
// what is seen of it to the next state, the actions that carry it out, and the sentence that says why.
//
// The loop is observe -> decide -> commit -> act: the next state goes through Raft before any action
// runs, and nothing here waits: waiting is "not seen yet" at the next decision, and deadlines are in
// the state, so that a new leader goes on where the old one stopped.
//
// # Without a recovery
//
//	            every server answers, one is writable, at home
//	not adopted -----------------------------------------------> watching (watch)
//	   (adopt; else a hold that says what is missing)
//
//	watching: topology.Diagnose, then
//	  healthy          keep: settings, ackers, followers, quarantines, reports
//	  read-only        reopen: after a boot, or fenced by its own guard or by what was given up, open it once
//	                   W ackers hold what it has; made so by hand: hold
//	  dead, hung       begin: every condition that needs no server touched; else hold (brakes, no
//	                   candidate, acker set unknown, |A \ T| >= W, no evidence)
//	  region isolated  isolated: recorded once, nothing is touched; with on_isolation: fence the renewals
//	                   of its lease are refused
//	  unseen           hold, once it lasts
//	paused, in maintenance: nothing; a maintenance ends by itself
//
// # A recovery
//
//	               begin, or an order
//	                      |
//	                      v
//	+-- replan ----> [ revoke ] -- the old primary is back, the order cannot be
//	|                     |        done, the override expired -------------------> [ abort ]
//	|                     | the rule holds, plan chose a candidate                    |
//	|                     v                                                           |
//	+-- lost, failed [ catch_up ] only where the candidate has to fetch something     |
//	|                     | it has executed all                                       |
//	|                     v                                                           |
//	+-- lost, failed [ attach ]   it applies all, is prepared, its ackers follow it   |
//	|                     | enough hold the target: epoch+1, primary = candidate      |
//	|                     v                                                           |
//	+-- lost, a tail [ open ]                                                         |
//	                      | read back as writable                                     |
//	                      v                                       receivers run again,|
//	                   finish: history, cooldown ---> watching <--a fence is taken back
//
// Every stage is a record in State.Recovery. Before a step is taken it is there as pending, with the attempt
// that it belongs to; its outcome is there before the next one follows. What has no outcome is asked for
// again, by whoever leads, and each action first asks the server whether it is done. Once the new epoch is
// committed (named) there is no way back: what was begun is finished, or begun again with another
// candidate, and every candidate whose opening was begun stays among the writers (Recovery.Groups) that
// evidence is needed for. An abort leaves the old primary as it was, or holds and says what is where.
//
// # Time
//
// Input.Now is the leader's clock, monotonic within its term. Deadlines pass from leader to leader as
// what is left of them (Clock), the wait for a lease begins anew, and what the record says of the past is
// at least as old as the term (decider.since): no clocks of two machines are compared.
//
// # Invariants
//
// By the names of the safety model; docs/safety.md has the argument:
//   - I1: a server is opened only with evidence for every earlier writer of the cluster
//     (under async durability a lease of its guard that has lapsed, with every claim unbroken, is one);
//   - I2: candidates are filtered by region before they are ranked, and unknown is ineligible;
//   - I3: a refusal comes before any server is touched; stopped receivers carry their undo;
//   - I4: under semi_sync the evidence is the promotion rule |A \ T| < W and the new primary first
//     collects everything that T holds; it is suspended, and shown to be, while a primary is degraded;
//   - I5: a server with transactions the primary lacks is quarantined and reported, never re-pointed;
//   - I6: one recovery at a time, as a record in the state.
package failover
