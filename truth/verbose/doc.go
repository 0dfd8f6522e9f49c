// Package verbose reads the text that
//
//	mysqlbinlog -v -v --base64-output=DECODE-ROWS --print-table-metadata
//
// prints of a binary log, into transactions with their row images and statements. The log must have been written with
// binlog_row_metadata=FULL; of one with less, print without --print-table-metadata: then no table is described.
//
// Values are exact but for what mysqlbinlog itself does not print exactly, which [Value.Exact] says:
//   - FLOAT and VECTOR are printed with six digits.
//   - GEOMETRY is not printed at all, and with it the rest of its event is missing: [Row.Cut].
//   - A JSON document that is a single text is printed without its quotes, so that the text "[]" looks like a list.
//   - A partial update of a JSON document is printed as an expression over the document before.
//   - BINARY(n) has lost its trailing zero bytes in the log already, and what a string column holds is bytes in the
//     column's character set.
//
// A statement that itself contains a line of the delimiter /*!*/; ends there.
package verbose
