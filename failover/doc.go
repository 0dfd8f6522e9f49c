// Package failover holds what to do. Decide is a pure function from the agreed state of a cluster and
// what is seen of it to the next state, the actions that carry it out, and the sentence that says why.
//
// The loop is observe -> decide -> commit -> act: the next state goes through Raft before any action
// runs, and nothing here waits: waiting is "not seen yet" at the next decision, and deadlines are in
// the state, so that a new leader goes on where the old one stopped.
//
// Invariants, by the names of the safety model:
//   - I1: a server is opened only with evidence for every earlier writer of the cluster
//     (under async durability a lease of its guard that has lapsed, with every claim unbroken, is one);
//   - I2: candidates are filtered by region before they are ranked, and unknown is ineligible;
//   - I3: a refusal comes before any server is touched; stopped receivers carry their undo;
//   - I4: under semi_sync the evidence is the promotion rule |A \ T| < W and the new primary first
//     collects everything that T holds;
//   - I5: a server with transactions the primary lacks is quarantined and reported, never re-pointed;
//   - I6: one recovery at a time, as a record in the state.
package failover
