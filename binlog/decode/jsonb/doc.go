// Package jsonb reads JSON documents in the binary form that MySQL stores and logs, and applies the changes that
// binlog_row_value_options=PARTIAL_JSON logs instead of a document.
//
// Pure. The text that it writes is canonical: compact, keys in the order of their bytes, one spelling for one number.
// Arbitrary bytes give an error, never a panic, and neither more work than bytes. The layout follows the MySQL source
// (sql-common/json_binary.h, sql-common/json_diff.cc).
package jsonb
