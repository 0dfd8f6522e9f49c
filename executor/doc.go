// Package executor does what was decided: one action on one server, or it finds that the action is
// already done.
//
// Every action runs on one pinned connection to its server that holds the cluster's advisory lock
// there. The order is the whole safety of it:
//
//  1. the lock: whoever owns it knows that no statement of an earlier leader is still running;
//  2. leadership, verified with the quorum while the lock is held: a deposed leader stops here;
//  3. the state, read again, or checked by the server in the same round trip as the effect;
//  4. the effect, on that connection only;
//  5. the state after it, which is the result.
//
// A connection that breaks takes the lock with it, so it is never opened again within an action:
// the action fails, and the next decision sees what is true. The one exception is a clone, in which
// the server itself restarts; after it steps 1 and 2 are done anew.
//
// Waiting has a deadline that comes with the action. Nothing here decides: the conditions that an
// action carries are proven or the action fails, saying what is missing.
package executor
