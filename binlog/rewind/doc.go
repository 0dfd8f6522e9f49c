// Package rewind undoes on a quarantined server what it has and the primary lacks, so that it can follow the primary
// again without being cloned.
//
// The rows are undone in one transaction: the inverse of each change, in reverse order, each bound to the row that it
// expects; before the commit every touched row is compared with what it was before the divergence. Then the GTID sets are
// settled: the server forgets its binary log and takes what it had without the extra transactions as purged.
//
// Invariants:
//   - A refusal leaves the server as it was. It says why, and that a clone is the way.
//   - A crash before the commit changes nothing; after it the stage file beside the report and the rows say where to go
//     on. Where neither tells what the server holds, the error wraps [ErrTorn], and only a clone helps.
//   - Nothing of it is written to the binary log, and no value of a row is in an error or in the stage file.
package rewind
