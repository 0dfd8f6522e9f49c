// Package classify decides for every row change that only the old side has, and then for its transaction, what may be
// done about it.
//
// Invariants:
//   - A row is SAFE only with proof: its key untouched by the new side, the live row equal to the row before the
//     divergence, full images, and no hazard of a unique key, foreign key, trigger, DDL or engine.
//   - A transaction takes the class of its worst row, and a transaction that follows an unsafe one on the same row is
//     not safe either.
//   - Whatever could not be checked is not safe.
//   - The rules are pure; what they need from the new primary is read before, through [LiveRows].
//
// Reads are not in a binary log: SAFE speaks of rows, not of what an application concluded from them.
package classify
