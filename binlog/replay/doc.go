// Package replay repeats transactions of the old side on the current primary: those that a person chose, each as one
// transaction, each row change bound to the row that it expects.
//
// Invariants:
//   - A transaction is repeated as a whole or not at all, and only while every row of it is exactly as it was before the
//     divergence; a row that already is as the old side left it is not touched.
//   - Transactions of different rows are sent together: each change is bound to its key and its full image, and the server
//     ends at the first that does not meet one row. That transaction is rolled back, and its rows are looked at.
//   - Into a row that the new side changed too only columns are merged that it did not change, and only where the policy
//     says so now.
//   - What fires triggers or cascades is left alone: their rows are in the log too, and would be changed twice.
//   - A transaction that follows one which is not on the primary is left alone.
//   - Every decision, with who and why, is in the decision log beside the report before the next one is taken. After a
//     crash the log and the rows of the primary say where to go on; a transaction whose commit was not answered counts as
//     done exactly when its rows are there.
//   - No value of a row is in the log, in a reason or in an error.
package replay
