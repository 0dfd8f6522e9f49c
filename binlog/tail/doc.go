// Package tail reads back what was captured: every transaction once, in the order of the commits.
//
// Invariants: a file that is not what its manifest says gives an error before the first transaction; a transaction that
// cannot be read in full says so itself, see package decode.
package tail
