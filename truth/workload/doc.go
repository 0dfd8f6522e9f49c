// Package workload makes up random schemas and random writes on both sides of a split, and keeps a ledger of what it
// wrote.
//
// A [Plan] follows from its seed alone: first the tables, then a history that both sides share, then what the old and
// the new side write after the split. The two overlap, so that every class occurs: the same change on both sides,
// conflicting ones, ones of other columns, values of unique keys taken twice, the same generated id, parents that
// are missing, children on the other side, statements that change tables, changes that are taken back, and rows that
// are changed without the log.
//
// [Run] executes one side's transactions, each under a GTID that the ledger chose before, so that ledger and log are
// joined by GTID.
package workload
