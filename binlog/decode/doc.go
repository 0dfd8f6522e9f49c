// Package decode reads the binary log of a MySQL server: it frames events,
// checks them, and reads the row images in them straight from their bytes.
//
// [Scan] hands each row to a [Visitor] as it comes, in memory that does not grow
// with the transaction; an [Image] makes a [Value] of a column only when asked.
// [Transactions] and [Decoder] collect whole transactions with all their values
// from it.
//
// Invariants:
//   - Nothing is dropped in silence. A transaction whose content cannot be read
//     in full carries the reasons, in [Transaction.Undecodable] where content is
//     missing and in [Transaction.Opaque] where it is known but cannot be
//     compared row by row.
//   - A column that an image leaves out is [Absent], never [Null].
//   - A [Value] has one text for one stored value, whichever way it was read, so
//     that two values are the same exactly when they are equal as Go values.
//   - Of a JSON document of which only the changes were logged, the whole is
//     known where the before image has it, and else it is Absent and Opaque.
//   - Arbitrary bytes give an error, never a panic, and no error repeats the
//     bytes: they are somebody's data.
//   - A file that ends inside an event or a transaction is an error.
//   - Positions are 64-bit offsets of the stream, never those that events state.
//
// The layout of events follows the MySQL source documentation, namespace
// mysql::binlog::event.
package decode
