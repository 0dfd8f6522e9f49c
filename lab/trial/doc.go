// Package trial puts a lab through the faults that regent exists for, and judges the outcome by the
// writers' ledger and by what the servers hold, never by what regent says of itself alone.
//
// Invariants:
//   - a trial begins on a healthy lab and says so when it is not;
//   - every wait has an end, and running into it names what was awaited and what was seen last;
//   - figures are taken from the ledger, so they are what a client saw.
package trial
