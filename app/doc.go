// Package app is the wiring and the lifecycle of a node: the only package, besides the command line,
// that sees everything.
//
// Invariants:
//   - what a node needs is checked before it takes part: the configuration, its secrets, its
//     listeners and its data directory;
//   - parts start in the order in which they need each other and stop in the reverse one: the API
//     stops accepting, the controller stops acting, the leadership is handed over, the log closes, and
//     the observers stop last;
//   - one part that fails ends the node: a node that is half alive would only look healthy;
//   - passwords are read from their files when a connection needs them and never enter the log.
package app
