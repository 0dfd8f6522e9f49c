// Package policy holds what is wanted: clusters and their rules, and the choice of a candidate by
// filter and then rank, every rejection with a reason.
//
// The package is pure. Invariants:
//   - region affinity is fail-closed: a server whose region is unknown or not the home region is
//     never eligible for an automatic action;
//   - filters come before ranks: no rank can bring a rejected server back;
//   - every rejected server carries the reason that people read in log, API, CLI and history.
package policy
