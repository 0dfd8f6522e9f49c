package sim

import (
	"slices"
	"time"
)

// Delays one way.
const (
	nearDelay = 200 * time.Microsecond
	farDelay  = 15 * time.Millisecond
)

// network says who reaches whom. Endpoints are servers, nodes and the clients of a region.
type network struct {
	regions map[string]string // by endpoint
	cuts    map[[2]string]int // one way, from and to: how many faults cut it
}

func newNetwork() *network {
	return &network{regions: map[string]string{}, cuts: map[[2]string]int{}}
}

// delay is how long a packet takes.
func (n *network) delay(a, b string) time.Duration {
	if n.regions[a] == n.regions[b] {
		return nearDelay
	}
	return farDelay
}

// delivers tells whether packets from a arrive at b.
func (n *network) delivers(a, b string) bool { return n.cuts[[2]string{a, b}] == 0 }

// joined tells whether a and b can hold a conversation.
func (n *network) joined(a, b string) bool { return n.delivers(a, b) && n.delivers(b, a) }

// cut drops the packets from each of one side to each of the other.
func (n *network) cut(from, to []string) {
	for _, a := range from {
		for _, b := range to {
			n.cuts[[2]string{a, b}]++
		}
	}
}

// mend undoes one cut.
func (n *network) mend(from, to []string) {
	for _, a := range from {
		for _, b := range to {
			n.cuts[[2]string{a, b}]--
		}
	}
}

// inside lists the endpoints of a region, sorted.
func (n *network) inside(region string) []string {
	return n.endpoints(func(e string) bool { return n.regions[e] == region })
}

// others lists the endpoints that are not among some, sorted.
func (n *network) others(some []string) []string {
	return n.endpoints(func(e string) bool { return !slices.Contains(some, e) })
}

func (n *network) endpoints(ok func(string) bool) []string {
	var out []string
	for e := range n.regions {
		if ok(e) {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}
