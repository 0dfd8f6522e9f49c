// Package diff brings the two sides of a divergence together, row by row: what each key was before, what the old side
// made of it, and whether the new side touched it.
//
// Invariants:
//   - Every row change of the old side is accounted for: under its keys, or with the reason why it has none. The
//     transactions themselves are not kept; whoever needs them visits the history again.
//   - Of the new side only what meets the old side is kept, so memory follows the smaller side: touched keys of the old
//     side, inserted rows that may repeat one of it, and keys whose spelling may be another of one of its keys, which
//     are few where keys are numbers or plain ASCII.
//   - Rows and keys are remembered in a Store, which need not be memory. Nothing here grows with their number.
//   - Keys that the server takes as one are one, as far as case and spaces at the end are concerned; what more its
//     collations overlook it is asked for (UnweighedKeys, Respell).
//   - Transactions are taken one at a time. Whatever is looked up is compared in full, never by a hash alone.
//   - The package is pure.
package diff
