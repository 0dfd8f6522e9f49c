package lab

import (
	"context"
	"fmt"
	"time"
)

// trapVariable tells a node to end or stop itself at a point of a recovery.
const trapVariable = "REGENT_TRAP"

// stopWithin bounds how long a node may take to end in order.
const stopWithin = 10 * time.Second

// TrapRequest sets a trap in a node.
type TrapRequest struct {
	Node string `json:"node"`
	// Trap is VERB@POINT, such as kill@before:open, or note; empty sets none.
	Trap string `json:"trap"`
}

// Trap starts a node again, with a trap in its environment for that one life:
// the start after it has none. It hands its leadership over first. The error
// wraps ErrUnknown for a node that the lab does not have.
//
// The environment of a process is the one way in that cannot be used by
// accident on a node in production, needs no code that listens or looks for
// anything, and is surely in force once the process runs.
func (l *Lab) Trap(ctx context.Context, request TrapRequest) error {
	for _, n := range l.nodes {
		if n.spec.ID != request.Node {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, stopWithin)
		defer cancel()
		if err := n.Stop(limited); err != nil {
			if err := n.Kill(); err != nil {
				return err
			}
		}
		n.setTrap(request.Trap)
		_, err := n.Start()
		return err
	}
	return fmt.Errorf("lab: node %q: %w", request.Node, ErrUnknown)
}

func (n *node) setTrap(trap string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trap = trap
}

// takeTrap answers the trap of the start that is under way, and forgets it.
func (n *node) takeTrap() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	trap := n.trap
	n.trap = ""
	return trap
}
