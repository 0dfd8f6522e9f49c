package guard

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoLeader means that there is no leader that could be asked for a permission: none is known, or the node
// that was asked does not lead.
var ErrNoLeader = errors.New("guard: no leader is known")

// Granter gives permissions where its node leads.
type Granter struct {
	term   func() (term uint64, leads bool)
	quorum *quorum
}

// NewGranter answers a granter. term says in which term the node believes to lead; verify asks the quorum, after
// the call, whether it does.
func NewGranter(term func() (uint64, bool), verify func(context.Context) error) *Granter {
	return &Granter{term: term, quorum: newQuorum(verify)}
}

// Grant permits a renewal: nil is a permission. The order matters: it verifies with the quorum after the request
// has come, and has may look for claims after that, so that a claim which may does not see was committed
// after the renewer had read the server's clock. The error wraps ErrRefused when what is agreed speaks against
// it, and is another one where the node is not known to lead.
func (g *Granter) Grant(ctx context.Context, may func() (ok bool, reason string)) error {
	before, leads := g.term()
	if !leads {
		return ErrNoLeader
	}
	if err := g.quorum.verify(ctx); err != nil {
		return err
	}
	ok, reason := may()
	if now, still := g.term(); !still || now != before {
		return ErrNoLeader
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrRefused, reason)
	}
	return nil
}
