// Package classes gives every row change and transaction of the old side its class, by brute force: each rule of
// docs/classes.md is written down once more, over plain maps and whole tables in memory, with no thought of speed.
//
// It reads what mysqlbinlog printed of both sides, the definitions and rows of the new primary at the end, and asks a
// server how collations weigh texts. It knows no undecodable transactions, as mysqlbinlog has none, takes all triggers
// as visible, and expects everything to be in one schema.
package classes
