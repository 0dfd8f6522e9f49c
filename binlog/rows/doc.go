// Package rows gathers row changes, in their order and by what they make of each row from first to last, for whoever
// repeats or undoes them.
//
// Invariants: a change is taken with its full images or not at all, with the reason; the package is pure.
package rows
