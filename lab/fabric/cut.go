package fabric

import (
	"fmt"
	"slices"
)

// Selector names hosts: one host, or all of a site or a region. The zero
// Selector, where allowed, stands for everyone else.
type Selector struct {
	Region string `json:"region,omitempty"`
	Site   string `json:"site,omitempty"` // wins over Region.
	Host   string `json:"host,omitempty"` // wins over both.
}

// String is the name of the host, site or region.
func (s Selector) String() string {
	switch {
	case s.Host != "":
		return s.Host
	case s.Site != "":
		return s.Site
	case s.Region != "":
		return s.Region
	default:
		return "everyone else"
	}
}

func (s Selector) matches(h Host) bool {
	switch {
	case s.Host != "":
		return s.Host == h.Name
	case s.Site != "":
		return s.Site == h.Site
	default:
		return s.Region == h.Region
	}
}

// Cut is a break of the network between the hosts of A and those of B. A cut
// of a region or site leaves its hosts in reach of each other; a cut of a host
// takes it from everyone, its own region included.
type Cut struct {
	A      Selector `json:"a"`
	B      Selector `json:"b"`                 // zero: everyone whom A does not name.
	OneWay bool     `json:"one_way,omitempty"` // only packets from A to B are dropped.
	// Reject answers TCP with a reset, as a firewall may, instead of silence:
	// another fault, and an easier one. Silence wins where both apply.
	Reject bool `json:"reject,omitempty"`
}

// drops tells whether the cut stops packets from one host to another.
func (c Cut) drops(from, to Host) bool {
	return c.joins(from, to) || !c.OneWay && c.joins(to, from)
}

func (c Cut) joins(a, b Host) bool {
	if c.B == (Selector{}) {
		return c.A.matches(a) && !c.A.matches(b)
	}
	return c.A.matches(a) && c.B.matches(b)
}

// same tells whether two cuts drop the same packets by their very words.
func (c Cut) same(o Cut) bool {
	mirrored := !c.OneWay && c.B != (Selector{}) && c.mirror() == o
	return c == o || mirrored
}

func (c Cut) mirror() Cut {
	c.A, c.B = c.B, c.A
	return c
}

// Cut adds a cut; the packets between the two sides are dropped from now on,
// those in a delay included. A cut that is there already changes nothing.
// Errors: [ErrUnknownHost], [ErrUnknownSite], [ErrUnknownRegion], [ErrClosed].
func (f *Fabric) Cut(c Cut) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.validate(c); err != nil {
		return fmt.Errorf("fabric: cut %v from %v: %w", c.A, c.B, err)
	}
	if !slices.ContainsFunc(f.cuts, c.same) {
		f.cuts = append(f.cuts, c)
		f.publish()
	}
	return nil
}

func (f *Fabric) validate(c Cut) error {
	if f.closed {
		return ErrClosed
	}
	if err := f.known(c.A); err != nil {
		return err
	}
	if c.B == (Selector{}) {
		return nil
	}
	return f.known(c.B)
}

func (f *Fabric) known(s Selector) error {
	if slices.ContainsFunc(f.hosts, func(h *host) bool { return s.matches(h.Host) }) {
		return nil
	}
	switch {
	case s.Host != "":
		return fmt.Errorf("%q: %w", s.Host, ErrUnknownHost)
	case s.Site != "":
		return fmt.Errorf("%q: %w", s.Site, ErrUnknownSite)
	default:
		return fmt.Errorf("%q: %w", s.Region, ErrUnknownRegion)
	}
}

// Heal takes back one cut, or all where c is nil, and returns how many there were.
func (f *Fabric) Heal(c *Cut) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.cuts)
	f.cuts = slices.DeleteFunc(f.cuts, func(o Cut) bool { return c == nil || c.same(o) })
	f.publish()
	return before - len(f.cuts)
}

// Cuts lists the cuts in force, oldest first.
func (f *Fabric) Cuts() []Cut {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.cuts)
}
