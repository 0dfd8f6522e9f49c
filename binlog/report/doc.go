// Package report writes down what a comparison found, for people and for scripts, and reads it back.
//
// A report is a directory that only its owner may read:
//
//	report.json          the summary
//	transactions.ndjson  the source: one transaction a line, in commit order, with all values
//	undecodable.ndjson   the same for those that could not be read in full
//	tables.json          the columns on the new primary, which turn the JSON of a value back into the value
//	report.html          one page that needs nothing else, values redacted
//	replay.sql           guarded statements for the SAFE transactions, the others as comments
//	redaction.key        the key of the hashes that stand for redacted values
//
// Everything but the two lists derives from them, line by line and row by row: no part holds a transaction, and only
// the list of affected rows holds keys, up to a limit, beyond which it parts them among files.
//
// Invariants:
//   - Every captured transaction is either listed or counted and named as undecodable; a gap makes the report
//     incomplete. No export is shorter than what the summary counts: it ends with [ErrDamaged].
//   - Values leave redacted unless the caller asks otherwise: a keyed hash for each column, the same for the same value.
//     Shown are columns that [Input] declares harmless, and no other: a key may be an account or a telephone number. SQL
//     is nothing without values.
//   - Nothing from data is markup, script, SQL, a formula or a terminal sequence in an export.
package report
