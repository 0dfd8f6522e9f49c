// Package classify decides for every row change that only the old side has, and then for its transaction, what may be
// done about it.
//
// docs/classes.md is the specification: the rules, their order, and how unsafe transactions taint later ones.
//
// Invariants:
//   - A row is SAFE only with proof: its key untouched by the new side in any spelling, the live row equal to the row
//     before the divergence, full images, no trigger that a replay would fire, and a trial of the whole replay in which
//     no unique and no foreign key stands against it at its place.
//   - Replaying the SAFE rows of the SAFE transactions in order never fails on the new primary as it was read.
//   - A transaction takes the class of its worst row, and a transaction that follows an unsafe one on the same row, or
//     across a foreign key, is not safe either.
//   - Whatever could not be checked is not safe.
//   - The rules are pure; what they need from the new primary is read before, through [LiveRows].
//
// Reads are not in a binary log: SAFE speaks of rows, not of what an application concluded from them.
package classify
