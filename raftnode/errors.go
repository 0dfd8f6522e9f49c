package raftnode

import (
	"errors"
	"fmt"
)

// The errors that callers tell apart. Everything else is wrapped text.
var (
	// ErrNotLeader is matched by [NotLeaderError]: another node leads, or none does.
	ErrNotLeader = errors.New("raftnode: this node is not the leader")

	// ErrOutcomeUnknown means that a proposal was started and its outcome was not seen: the entry may be committed later or never.
	// The caller reads the state to find out; commands that carry the version they expect may simply be proposed again.
	ErrOutcomeUnknown = errors.New("raftnode: the outcome of the proposal is unknown")

	// ErrNoQuorum means that a majority did not confirm the leadership in time.
	ErrNoQuorum = errors.New("raftnode: a majority of the group did not answer")

	// ErrStorage means that the data directory failed under the log. The node stops: a leader that cannot write is no leader.
	ErrStorage = errors.New("raftnode: storage failed")

	// ErrConfig means that the node's own settings cannot work, so that retrying is useless.
	ErrConfig = errors.New("raftnode: invalid configuration")

	// ErrDataDir means that the data directory belongs to another node or is in use by another process.
	ErrDataDir = errors.New("raftnode: the data directory cannot be used")

	// ErrSteppedDown means that the node ended because it led the group, something in its process hung, and no peer
	// took the leadership.
	ErrSteppedDown = errors.New("raftnode: the node ended to give up the leadership")

	// ErrClosed means that the node was closed.
	ErrClosed = errors.New("raftnode: the node is closed")

	// ErrUnknownPeer means that a peer was named that is not in the list of peers.
	ErrUnknownPeer = errors.New("raftnode: unknown peer")
)

// NotLeaderError is returned by what only the leader may do. It matches [ErrNotLeader].
type NotLeaderError struct {
	// Leader is the id of the node that leads as far as this one knows; empty if it knows none.
	Leader string
	// Reason says more, for instance why this node takes no part yet. It may be empty.
	Reason string
}

// Error names the leader to ask instead.
func (e *NotLeaderError) Error() string {
	next := "no leader is known; try again when one is elected"
	if e.Leader != "" {
		next = "the leader is " + e.Leader + "; ask it instead"
	}
	if e.Reason != "" {
		next = e.Reason
	}
	return fmt.Sprintf("%v: %s", ErrNotLeader, next)
}

// Is reports whether target is ErrNotLeader.
func (*NotLeaderError) Is(target error) bool { return target == ErrNotLeader }
