// Package workload writes to a cluster as an application would, and keeps a
// ledger of what the servers acknowledged, against which their rows are checked.
//
// Run drives the writers. Each finds the writable server by itself, its own
// region's first, as an application behind a router does, and leaves it when a
// write fails. ReadLedger, Summarize and Check turn a ledger into numbers and
// findings.
//
// Invariants:
//   - an attempt is acknowledged only if its COMMIT (or its single statement
//     under autocommit) returned without error; a lost connection or a timeout
//     is an unknown outcome, never an acknowledgement and never a refusal;
//   - an attempt is never repeated: a new attempt has a new id;
//   - every version of a row carries the id of the attempt that wrote it, so
//     that a row can be traced to its line of the ledger;
//   - a line reaches the ledger's file before the writer goes on, so that
//     killing the process loses at most the attempts in flight;
//   - no two writers touch the same key, the shared pool excepted.
package workload
