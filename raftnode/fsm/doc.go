// Package fsm is what the group agrees on: the replicated state, the versioned commands that change
// it, and its snapshot.
//
// The package is pure. Apply reads no clock, environment or network and has no side effect beyond the
// machine's own memory, so that every node that applies the same log holds the same state.
//
// Invariants:
//   - a snapshot is the whole state: restore(snapshot) equals the state it was taken of;
//   - a command names the version it was computed from, and a stale command changes nothing;
//   - raw observations, metrics and passwords never enter the state.
package fsm
