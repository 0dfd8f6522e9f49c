// Package truth holds the ground truth against which reconciliation is judged: writers whose every transaction is
// known, a reader of what mysqlbinlog prints, and the classes worked out by brute force.
//
//	verbose/   the text of mysqlbinlog -v -v into transactions
//	workload/  random schemas and writes on both sides of a split, with a ledger
//	classes/   the class of every row and transaction, without any cleverness
//
// Nothing below truth shares a package with binlog, so that a mistake in one cannot hide in the other; the linter
// keeps the two apart, both ways. None of it is part of the product.
package truth
