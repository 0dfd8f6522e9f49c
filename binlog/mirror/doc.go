// Package mirror keeps a copy of the directory of a report in step with the original on another node.
//
// Invariants:
//   - a copy counts once every file of it was read back with the checksum that the original has: the record that says so is
//     written last;
//   - what comes is put aside until all of it is there, so that a copy is never half old and half new; what a crash leaves
//     half-way is finished, or fetched again;
//   - nothing leaves the directory, whatever the original calls its files.
package mirror
