// Package raftnode lets the nodes of a group agree: it runs hashicorp/raft over one TLS listener and drives a [Machine] whose content it does not know.
//
// # One listener
//
// Everything between nodes comes in at one address. With [TLSFiles] both sides prove by a certificate of the common authority that they are
// members: it must name the member's id or the host of its address. The first byte then says what follows: 'R' for Raft, 'P' for
// HTTP/1.1 requests between nodes ([Node.PeerHandle], [Node.PeerClient]). A connection whose other side went silent is ended by the kernel after
// Timeouts.Dead, so that neither callers nor pools hold on to it, and a healed partition is used at once: a
// heartbeat gets through at most about Timeouts.Dial plus half of Timeouts.Heartbeat later, and replication follows that heartbeat.
//
// # Forming a group
//
// Every node is given the same list of peers. A node with an empty data directory asks all of them, four times a second, who they are and
// which list they have. It founds the group only if every peer that answers has the same list and a majority (itself included) answers; for a mere majority
// it first waits three seconds for the rest. All founders write the same first entry, which Raft allows. If any peer that answers has another list, or
// is not who the list says, the node refuses: [PhaseRefused] with both lists in [Status], until they agree.
//
// A node that finds the directory empty while the group runs does not found anything. It lost its state or is late, and it is on
// probation ([PhaseJoining]): what it once acknowledged and whom it voted for is forgotten, so a vote of it could elect a leader without a committed entry.
// It takes entries, and neither votes nor stands for election until it has committed everything that the first leader it met had
// committed. The mark is kept on disk. If a majority lost its directories at once, the group stays without a leader rather than forget: see [Status]. Restore the
// directories, or empty all of them to begin anew.
//
// A node with state uses the membership in its log. Where the configured list names other ids, or a peer has another list, it takes part and shows
// [PhaseMismatch]: stopping a running group for an edited file would be worse. Addresses always come from the configured list, so that
// a node may move.
//
// # Leadership
//
// [Node.IsLeader] and [Node.Leader] are opinions. [Node.VerifyLeader] is the proof to take before an action: a majority, asked after the
// call, has joined no later term. A leader that stops in order hands over first; one that is killed is replaced in about one to two election timeouts.
//
// # Storage
//
// The log and the vote are in raft.db (bbolt), snapshots (two are kept) in snapshots/, the node's name in node.json; a directory that belongs to another node is
// refused. The first write that fails, or takes longer than Timeouts.Storage, ends the node: Run returns [ErrStorage], the leadership is gone,
// nothing is written afterwards, and the process should exit non-zero.
//
// # Invariants
//
//   - A node never founds a group while it sees a peer that disagrees or a group that runs.
//   - A node on probation gives no vote and asks for none.
//   - VerifyLeader succeeds only if this node was the leader at some time after the call.
//   - After a storage failure the node leads nothing and confirms nobody.
//   - Every goroutine ends with Run, except one inside a disk that does not answer.
package raftnode
