// Package mysql holds every statement that regent sends to a MySQL server: probing, watching, and
// the effects of the steps that the executor runs.
//
// A Server names one server and the accounts to use; from it come a Prober (facts, again and
// again, on one persistent connection), Watch (a connection that only notices its own end) and a
// Session (one pinned connection that holds the cluster's advisory lock).
//
// Invariants:
//   - a connection that broke is never opened again behind the caller's back, and no statement is
//     ever sent twice by this package; only the caller may try again;
//   - a Session owns its advisory lock from the first to the last statement, so that owning the
//     lock means that no statement of an earlier term is still running on the server;
//   - what a step must not get wrong is checked by the server itself, in the same round trip and
//     on the same connection, right before the effect (see batch.require);
//   - every effect is followed by the server's own answer about its state.
//
// A batch of statements is one round trip: regions are tens of milliseconds apart, and a failover
// is a chain of such round trips.
package mysql
