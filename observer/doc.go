// Package observer sees: on every node it probes every declared server on persistent connections,
// notices broken connections at once, exchanges reports with the other nodes and assembles the views
// that decisions look at.
//
// Invariants:
//   - Silence is only silence. A verdict says what happened on this node's own connections and how
//     long ago, by this node's monotonic clock; times of two machines are never compared. An answer is
//     as old as its question, and ages on the way to another node.
//   - A server that hangs delays nothing: an attempt ends when the probe timeout has passed, the
//     verdict is then silent, and the last answer goes on ageing.
//   - A node that hangs delays nothing: each peer is told by a goroutine of its own, and is always
//     told the newest state.
//   - Memory is bounded by the declared servers and nodes. Reports of other nodes are not taken.
//   - Probes only read. Nothing here changes a server.
package observer
