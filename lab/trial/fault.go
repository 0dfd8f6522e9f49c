package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/lab"
)

// hit is one fault on its target.
type hit struct {
	words string
	do    func(ctx context.Context, l *lab.Client) error
	undo  func(ctx context.Context, l *lab.Client) error // nil where healing all cuts is enough
}

// The strengths of the faults.
const (
	slowness  = 500 * time.Millisecond
	lossiness = 0.2
	clockStep = time.Hour
)

// hits aims the troubles of a cell. Of two that would hit the same server, of which the first leaves it
// silent, the second hits the replica, so that no pair is only its stronger half.
func hits(c Cell, s scene) []hit {
	order := slices.Clone(c.Troubles)
	slices.SortStableFunc(order, func(a, b Trouble) int { return rankOf(a, c.Phase) - rankOf(b, c.Phase) })
	out := make([]hit, 0, len(order))
	for _, t := range order {
		out = append(out, aim(t, c, &s))
		s.silent = s.silent || silences(t, c.Phase)
	}
	return out
}

// rankOf puts what silences the subject first.
func rankOf(t Trouble, phase Phase) int {
	switch {
	case t == SiteCut:
		return 0
	case silences(t, phase):
		return 1
	}
	return 2
}

func aim(t Trouble, c Cell, s *scene) hit {
	switch t {
	case SiteCut:
		return cut(lab.CutRequest{Target: s.site})
	case NodeCut:
		if slices.Contains(c.Troubles, SiteCut) {
			return cut(lab.CutRequest{Target: s.node}) // the leader is in the site
		}
		return cut(lab.CutRequest{Target: s.leader})
	case ServerCut:
		return cut(lab.CutRequest{Target: s.victim()})
	case OneWayCut:
		return cut(lab.CutRequest{Target: s.victim(), OneWay: true})
	case Rejecting:
		return cut(lab.CutRequest{Target: s.subject, Reject: true})
	case LinkCut:
		if s.silent {
			return cut(lab.CutRequest{Target: s.replica, From: s.third})
		}
		return cut(lab.CutRequest{Target: s.subject, From: s.replica})
	case Slowness:
		return end(s.victim(), lab.LinkRequest{Delay: slowness})
	case Lossiness:
		return end(s.victim(), lab.LinkRequest{Loss: lossiness})
	case Shutdown:
		return member("asked to shut down", s.subject, (*lab.Client).Stop, (*lab.Client).Start)
	case Hang:
		return member("stopped with SIGSTOP", s.subject, (*lab.Client).Pause, (*lab.Client).Resume)
	case ClockStep:
		return clock(s.subject)
	}
	panic("trial: no such trouble: " + string(t))
}

func cut(r lab.CutRequest) hit {
	words := "cut off: " + r.Target
	switch {
	case r.From != "":
		words = "cut: " + r.Target + " - " + r.From
	case r.OneWay:
		words = "unheard: " + r.Target
	case r.Reject:
		words = "rejected: " + r.Target
	}
	return hit{words: words, do: func(ctx context.Context, l *lab.Client) error { return l.Cut(ctx, r) }}
}

func end(server string, r lab.LinkRequest) hit {
	r.A = server
	change, words := (*lab.Client).Delay, "slow: "+server
	if r.Loss > 0 {
		change, words = (*lab.Client).Loss, "lossy: "+server
	}
	return hit{
		words: words,
		do:    func(ctx context.Context, l *lab.Client) error { return change(l, ctx, r) },
		undo:  func(ctx context.Context, l *lab.Client) error { return change(l, ctx, lab.LinkRequest{A: server}) },
	}
}

// verb is what a client does to a member of the lab.
type verb func(l *lab.Client, ctx context.Context, name string) error

func member(words, server string, do, undo verb) hit {
	return hit{
		words: words + ": " + server,
		do:    func(ctx context.Context, l *lab.Client) error { return do(l, ctx, server) },
		undo:  func(ctx context.Context, l *lab.Client) error { return undo(l, ctx, server) },
	}
}

// clock steps forward when the fault begins and back when it ends: both ways in one cell.
func clock(server string) hit {
	step := func(offset time.Duration) func(context.Context, *lab.Client) error {
		return func(ctx context.Context, l *lab.Client) error {
			return l.Clock(ctx, lab.ClockRequest{Server: server, Offset: offset})
		}
	}
	return hit{words: fmt.Sprintf("clock %s ahead: %s", clockStep, server), do: step(clockStep), undo: step(0)}
}

// strike applies the faults; what was applied is undone when one cannot be.
func (w *World) strike(ctx context.Context, all []hit) error {
	for _, h := range all {
		if err := h.do(ctx, w.Lab); err != nil {
			return errors.Join(fmt.Errorf("trial: %s: %w", h.words, err), w.calm(context.WithoutCancel(ctx), all))
		}
	}
	return nil
}

// calm takes every fault back.
func (w *World) calm(ctx context.Context, all []hit) error {
	_, failed := w.Lab.Heal(ctx, lab.CutRequest{})
	for _, h := range all {
		if h.undo != nil {
			failed = errors.Join(failed, h.undo(ctx, w.Lab))
		}
	}
	return failed
}
