// Package files reads the binary log files of a server that does not run, or copies of them: it puts them in order,
// says what the server had executed, and finds transactions without decoding them.
//
// What a file holds is found by hopping: the event that opens a transaction carries its length, and the event that
// opens a file carries everything that was logged before it. So only the files in which a divergence lies are looked
// at, and of those only one event per transaction.
//
// Invariants:
//   - Files are read, never written, and never read whole: the memory used does not grow with them.
//   - A transaction that is handed out was read to its end and has the right checksums.
//   - Whatever is torn, damaged or missing is named, with the file, the offset and the transaction, as far as these
//     are known. What may be missing and cannot be named is said in [Standing.Unknown].
//   - Errors repeat no bytes of a log.
//
// The layout of events follows the MySQL source documentation, namespace mysql::binlog::event.
package files
