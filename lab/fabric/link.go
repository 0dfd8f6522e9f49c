package fabric

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxDelay is the longest delay that a link takes.
const MaxDelay = 10 * time.Second

var (
	// ErrBadDelay is returned for a delay that is negative or longer than [MaxDelay].
	ErrBadDelay = errors.New("a delay lies between 0 and 10s")
	// ErrBadLoss is returned for a loss that is no probability.
	ErrBadLoss = errors.New("a loss lies between 0 and 1")
)

// Link is what the way between two regions, or between the hosts of one, does
// to packets in either direction; without B it is every way of the host A.
type Link struct {
	A     string        `json:"a"`
	B     string        `json:"b,omitempty"`
	Delay time.Duration `json:"delay"` // one way, so the round trip takes twice as long.
	Loss  float64       `json:"loss"`  // probability that a packet vanishes, one way.
}

// linkKey is an unordered pair of regions.
type linkKey struct{ low, high string }

func newLinkKey(a, b string) linkKey {
	return linkKey{low: min(a, b), high: max(a, b)}
}

// SetDelay delays every packet between two regions by d, ONE WAY, in both
// directions. The regions need no hosts yet. Errors: [ErrBadDelay], [ErrClosed].
func (f *Fabric) SetDelay(a, b string, d time.Duration) error {
	if d < 0 || d > MaxDelay {
		return fmt.Errorf("fabric: delay %s between %s and %s: %w", d, a, b, ErrBadDelay)
	}
	return f.alter(a, b, func(l *Link) { l.Delay = d })
}

// SetLoss makes packets between two regions vanish with probability p, drawn
// for each packet and direction. A packet is what the sending kernel hands
// over: up to 64 KiB of a bulk TCP stream, a single segment otherwise.
// Errors: [ErrBadLoss], [ErrClosed].
func (f *Fabric) SetLoss(a, b string, p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("fabric: loss %v between %s and %s: %w", p, a, b, ErrBadLoss)
	}
	return f.alter(a, b, func(l *Link) { l.Loss = p })
}

func (f *Fabric) alter(a, b string, change func(*Link)) error {
	key := newLinkKey(a, b)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fmt.Errorf("fabric: link between %s and %s: %w", a, b, ErrClosed)
	}
	l, ok := f.links[key]
	if !ok {
		l = Link{A: key.low, B: key.high}
	}
	change(&l)
	if l.Delay > 0 {
		if err := f.lay(key); err != nil {
			return fmt.Errorf("fabric: link between %s and %s: %w", a, b, err)
		}
	}
	f.links[key] = l
	f.publish()
	return nil
}

// end is what a host's own line does to everything that it sends or receives.
type end struct {
	delay time.Duration
	loss  float64
}

// SetHostDelay delays every packet that a host sends or receives by d, ONE
// WAY, on top of what its way takes. Errors: [ErrBadDelay], [ErrUnknownHost],
// [ErrClosed].
func (f *Fabric) SetHostDelay(host string, d time.Duration) error {
	if d < 0 || d > MaxDelay {
		return fmt.Errorf("fabric: delay %s of host %q: %w", d, host, ErrBadDelay)
	}
	return f.alterEnd(host, func(e *end) { e.delay = d })
}

// SetHostLoss makes every packet that a host sends or receives vanish with
// probability p, besides what is lost on its way. Errors: [ErrBadLoss],
// [ErrUnknownHost], [ErrClosed].
func (f *Fabric) SetHostLoss(host string, p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("fabric: loss %v of host %q: %w", p, host, ErrBadLoss)
	}
	return f.alterEnd(host, func(e *end) { e.loss = p })
}

func (f *Fabric) alterEnd(host string, change func(*end)) error {
	if _, err := f.host(host); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fmt.Errorf("fabric: line of host %q: %w", host, ErrClosed)
	}
	e := f.ends[host]
	change(&e)
	f.ends[host] = e
	if err := f.layEnds(); err != nil {
		return fmt.Errorf("fabric: line of host %q: %w", host, err)
	}
	f.publish()
	return nil
}

// Links lists the pairs of regions whose delay or loss was set, and the hosts
// that have one now, sorted.
func (f *Fabric) Links() []Link {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Link, 0, len(f.links)+len(f.ends))
	for _, l := range f.links {
		out = append(out, l)
	}
	for host, e := range f.ends {
		if e != (end{}) {
			out = append(out, Link{A: host, Delay: e.delay, Loss: e.loss})
		}
	}
	slices.SortFunc(out, func(x, y Link) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return out
}
