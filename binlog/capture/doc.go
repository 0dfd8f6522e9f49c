// Package capture copies transactions off a running server as raw binary log events, into files that stand alone,
// with checksums and a manifest.
//
// Invariants:
//   - What is captured is what the server logged: events are written as they came, checksums included.
//   - A file is complete and on disk before the manifest names it; the manifest is replaced in one step.
//   - A transaction is captured once, from the first server that could give it whole.
//   - Whatever was asked for and is not in the files makes the manifest incomplete, with the reason.
//   - Nothing is taken as captured that was not read back with the right checksum.
//   - A capture never acknowledges a transaction to a semi-synchronous source.
package capture
