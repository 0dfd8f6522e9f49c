package guard

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// TestGrantLooksForClaimsAfterItHasVerified: the other way round a claim could be committed in between.
func TestGrantLooksForClaimsAfterItHasVerified(t *testing.T) {
	var did []string
	term := uint64(3)
	g := NewGranter(func() (uint64, bool) { return term, term > 0 }, func(context.Context) error {
		did = append(did, "verify")
		return nil
	})
	may := func() (bool, string) {
		did = append(did, "look")
		return true, ""
	}
	if err := g.Grant(t.Context(), may); err != nil || !slices.Equal(did, []string{"verify", "look"}) {
		t.Errorf("%v: %v", err, did)
	}
	if err := g.Grant(t.Context(), func() (bool, string) { return false, "recovery 1 is open" }); !errors.Is(err, ErrRefused) {
		t.Errorf("a claim is open: %v", err)
	}
	elected := func() (bool, string) { // another leader, whose claims this node does not know
		term = 4
		return true, ""
	}
	if err := g.Grant(t.Context(), elected); !errors.Is(err, ErrNoLeader) || errors.Is(err, ErrRefused) {
		t.Errorf("another term began meanwhile: %v", err)
	}
	term = 0
	if err := g.Grant(t.Context(), may); !errors.Is(err, ErrNoLeader) {
		t.Errorf("a follower: %v", err)
	}
}

func TestGrantNeedsTheQuorum(t *testing.T) {
	errAlone := errors.New("no majority answers")
	g := NewGranter(func() (uint64, bool) { return 3, true }, func(context.Context) error { return errAlone })
	err := g.Grant(t.Context(), func() (bool, string) {
		t.Error("it looks without having verified")
		return true, ""
	})
	if !errors.Is(err, errAlone) {
		t.Error(err)
	}
}
