// Package topology holds what is seen: one node's sights of servers, the view of a cluster assembled
// from the reports of all nodes, and the diagnosis of that view.
//
// The package is pure: no clock, no I/O, no goroutine, no global. Times of two machines are never
// compared; everything that travels between nodes is an age measured by one monotonic clock.
//
// Invariants:
//   - silence is only silence: no function here turns a timeout into proof of death;
//   - a fact is as old as its answer, and facts older than a loss never testify about it;
//   - what was not seen is unknown, and unknown is never good news.
package topology
