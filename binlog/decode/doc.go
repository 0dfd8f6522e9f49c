// Package decode reads the binary log of a MySQL server: it frames events,
// checks them, and turns them into transactions with typed row images.
//
// Invariants:
//   - Nothing is dropped in silence. A transaction whose content cannot be read
//     in full carries the reasons, in [Transaction.Undecodable] where content is
//     missing and in [Transaction.Opaque] where it is known but cannot be
//     compared row by row.
//   - A column that an image leaves out is [Absent], never [Null].
//   - A [Value] has one text for one stored value, whichever way it was read, so
//     that two values are the same exactly when they are equal as Go values.
//   - Arbitrary bytes give an error, never a panic, and no error repeats the
//     bytes: they are somebody's data.
//   - A file that ends inside an event or a transaction is an error.
//
// The layout of events follows the MySQL source documentation, namespace
// mysql::binlog::event.
package decode
