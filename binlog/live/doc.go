// Package live reads what is on the new primary now: definitions and rows, all inside one consistent snapshot.
//
// Invariants: one connection, one snapshot, nothing written. Rows come back as the same decode.Value that the log
// gives for them. The transactions that the snapshot shows are a subset of Snapshot.Executed.
package live
