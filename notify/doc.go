// Package notify tells one executable of the machine what people must know: that a cluster holds,
// that something was refused, that a primary was replaced, that a report is there. The event is one
// JSON object on the executable's standard input.
//
// Invariants:
//   - telling never blocks deciding: events wait in a bounded queue, and what does not fit is logged
//     and dropped; history and log have it all the same;
//   - an executable that hangs is ended, with its children, when its time is up;
//   - events are told one after the other, in the order in which they were committed.
package notify
