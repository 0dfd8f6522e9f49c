package sim

import (
	"slices"
	"time"
)

// Delays one way.
const (
	nearDelay = 200 * time.Microsecond
	farDelay  = 15 * time.Millisecond
	// resend is when a packet that got lost is sent again.
	resend = 200 * time.Millisecond
	// userTimeout and keepSending are how long a connection tries to get a packet through: one of a node,
	// which gives up soon, as package mysql asks its kernel to, and any other.
	userTimeout = 2 * time.Second
	keepSending = 15 * time.Second
)

// place is an endpoint: a server, a node, or a client.
type place int

// network says who reaches whom, and how fast.
type network struct {
	w       *World
	names   []string
	regions []string
	cuts    [][]int         // one way, from and to: how many faults cut it
	slow    []time.Duration // what every packet of an endpoint takes more than usual
	loss    []int           // share of the packets of an endpoint that get lost, in percent
	packets uint64
	loudAt  time.Duration // when a loss or a delay ended last; 0: none did
}

// join adds an endpoint.
func (n *network) join(name, region string) place {
	n.names, n.regions = append(n.names, name), append(n.regions, region)
	n.slow, n.loss = append(n.slow, 0), append(n.loss, 0)
	for i := range n.cuts {
		n.cuts[i] = append(n.cuts[i], 0)
	}
	n.cuts = append(n.cuts, make([]int, len(n.names)))
	return place(len(n.names) - 1)
}

// delay is how long a packet takes that gets through: one that is lost is sent again.
func (n *network) delay(a, b place) time.Duration {
	d := farDelay
	if n.regions[a] == n.regions[b] {
		d = nearDelay
	}
	d += n.slow[a] + n.slow[b]
	if lossy := max(n.loss[a], n.loss[b]); lossy > 0 {
		n.packets++
		for i := range 4 {
			if n.w.draw(100, "packet", n.packets<<2+uint64(i)) >= lossy {
				break
			}
			d += resend << i
		}
	}
	return d
}

// delivers tells whether packets from a arrive at b.
func (n *network) delivers(a, b place) bool { return n.cuts[a][b] == 0 }

// joined tells whether a and b can hold a conversation.
func (n *network) joined(a, b place) bool { return n.delivers(a, b) && n.delivers(b, a) }

// carry takes a packet of a connection from a to b, and tries again while it is lost in a cut: what was
// sent may arrive after its sender gave up. It is dropped after the limit, or when alive no longer holds.
func (n *network) carry(a, b place, limit time.Duration, alive func() bool, do func()) {
	n.carryOrLose(a, b, limit, alive, do, func() {})
}

// carryOrLose is carry for a sender that is told by its kernel when the limit was reached.
func (n *network) carryOrLose(a, b place, limit time.Duration, alive func() bool, do, lost func()) {
	since := n.w.now
	pause := resend
	var try func()
	try = func() {
		switch {
		case !alive():
		case n.w.now-since > limit:
			lost()
		case n.delivers(a, b):
			do()
		default:
			n.w.after(pause, try)
			pause *= 2
		}
	}
	n.w.after(n.delay(a, b), try)
}

// cut drops the packets from each of one side to each of the other, or undoes that.
func (n *network) cut(from, to []place, by int) {
	for _, a := range from {
		for _, b := range to {
			if a != b {
				n.cuts[a][b] += by
			}
		}
	}
}

// inside lists the endpoints of a region.
func (n *network) inside(region string) []place {
	return n.which(func(p place) bool { return n.regions[p] == region })
}

// others lists the endpoints that are not among some.
func (n *network) others(some []place) []place {
	return n.which(func(p place) bool { return !slices.Contains(some, p) })
}

func (n *network) which(ok func(place) bool) []place {
	var out []place
	for i := range n.names {
		if ok(place(i)) {
			out = append(out, place(i))
		}
	}
	return out
}

// named prints endpoints.
func (n *network) named(some []place) []string {
	out := make([]string, 0, len(some))
	for _, p := range some {
		out = append(out, n.names[p])
	}
	return out
}
