// Package gtid is the algebra of MySQL global transaction identifiers: sets of
// them, read and written as the server prints them, tags included, with union,
// difference, intersection and the partial order that decides whether two
// servers diverged.
//
// Invariants:
//   - A [Set] is a value. No method changes its receiver or an argument, and no
//     two sets share memory that either of them writes, so sets may be copied
//     and read by several goroutines.
//   - The zero Set is the empty set.
//   - A set has exactly one text: UUIDs in order and in lower case, the untagged
//     intervals of a UUID before its tagged ones, tags in order, intervals
//     ascending and never touching.
//   - The package is pure: no clock, no I/O, no randomness.
//
// Grammar and tags follow the MySQL 8.4 Reference Manual, section 19.1.3.1,
// "GTID Format and Storage".
package gtid
