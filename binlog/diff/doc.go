// Package diff brings the two sides of a divergence together, row by row: what each key was before, what the old side
// made of it, and whether the new side touched it.
//
// Invariants:
//   - Every row change of the old side is in the result: under its keys, or with the reason why it has none.
//   - Only keys that the old side touched are kept of the new side, so memory follows the smaller side.
//   - Keys are compared at least as coarsely as the server compares them where case and trailing spaces are
//     concerned: two keys that the server takes as one may be taken as different (an accent), and then the row that
//     is there now tells, but two that it keeps apart are never merged within a collation that keeps them apart.
//   - The package is pure.
package diff
