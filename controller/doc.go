// Package controller is the loop that ties seeing, deciding, agreeing and acting together. It is the
// only ticker: whatever happens, the next decision of a cluster comes within a quarter of a second.
//
// Invariants:
//   - Commit before act: an action starts only after the state it belongs to was committed by this
//     leader in this term, or, where there was nothing to commit, after a quorum confirmed the leader.
//   - An outcome is offered to decisions until one that saw it is committed, and the same action is
//     not started again before that.
//   - One action per server at a time.
//   - Nothing acts on a follower: losing the leadership cancels every action of the term.
//   - Clusters do not wait for each other: each has a goroutine of its own.
//   - A cluster that is only observed is never touched, whatever the decision asks for.
package controller
