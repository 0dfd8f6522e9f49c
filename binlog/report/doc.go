// Package report writes down what a comparison found, for people and for scripts, and reads it back.
//
// A report is a directory that only its owner may read:
//
//	report.json          the summary
//	transactions.ndjson  the source: one transaction a line, in commit order, with all values
//	report.html          one page that needs nothing else, values redacted
//	replay.sql           guarded statements for the SAFE transactions, the others as comments
//	redaction.key        the key of the hashes that stand for redacted values
//
// Invariants:
//   - Every captured transaction is either listed or counted and named as undecodable; a gap makes the report
//     incomplete.
//   - Values leave through [CopyTransactions] and [WriteHTML] redacted unless the caller asks otherwise: a keyed hash
//     for each column, the same for the same value. Integers of primary keys stay: without them nobody finds a row.
//   - Nothing from data is markup, SQL or a terminal sequence in an export.
package report
