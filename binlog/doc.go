// Package binlog turns a divergence of two sides of a cluster into a settled list: it captures what only the old side
// has off the servers that hold it, compares that with what the new side did since, and writes the report.
//
// The two steps, [Capture] and [Compare], are made to be repeated: each picks up what an earlier run left in the
// directory, so that whoever drives them needs no memory of its own.
//
//	capture/   raw events off a running server or its files, with checksums and a manifest
//	files/     binary log files without their server: order, sets, hopping
//	decode/    events into transactions with typed rows
//	diff/      both sides, key by key; pure
//	spill/     what that remembers, in memory and beyond it in files
//	live/      definitions and rows on the new primary, in one snapshot
//	classify/  the rules; pure
//	report/    summary, NDJSON, page, SQL
//	tail/      what was captured, read back in commit order
//	rows/      row changes, and what they make of each row; pure
//	replay/    repeating transactions on the primary, with a log of every decision
//	rewind/    undoing them on the old server
//	sqltext/   exact SQL for values
//	durable/   files that are never seen half
//
// Invariants: nothing but replay and rewind changes a server; captured = listed + undecodable, by transaction, else the report is
// incomplete; values of rows are in files that only the owner may read, and in no log or error.
package binlog
