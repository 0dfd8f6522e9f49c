package fabric

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"
)

// ipHeader is the least length of an IPv4 header.
const ipHeader = 20

// Counters says what became of the packets since the fabric was made, and
// where those are that did not arrive yet.
type Counters struct {
	Delivered uint64 // handed to the receiver's kernel.
	Bytes     uint64 // of the delivered packets.
	Waiting   uint64 // in a delay now.
	Cut       uint64 // dropped by a cut.
	Lost      uint64 // dropped by chance, as SetLoss asks.
	Overflow  uint64 // dropped because a delay line was full.
	Unrouted  uint64 // to or from an address that no host has, or not IPv4.
}

type counters struct {
	delivered, bytes, cut, lost, overflow, unrouted atomic.Uint64
}

// Counters reads the counters of the switch.
func (f *Fabric) Counters() Counters {
	waiting := 0
	f.mu.Lock()
	for _, l := range f.lines {
		waiting += l.waiting()
	}
	f.mu.Unlock()
	return Counters{
		Waiting:   uint64(waiting),
		Delivered: f.counter.delivered.Load(), Bytes: f.counter.bytes.Load(),
		Cut: f.counter.cut.Load(), Lost: f.counter.lost.Load(),
		Overflow: f.counter.overflow.Load(), Unrouted: f.counter.unrouted.Load(),
	}
}

// carry moves the packets that a host sends until its port is closed.
func (f *Fabric) carry(h *host) {
	chance := rand.New(rand.NewPCG(f.seed, uint64(h.index)))
	buf := make([]byte, maxFrame)
	for {
		n, err := h.port.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			f.fault(fmt.Errorf("fabric: read from host %q: %w", h.Name, err))
			return
		}
		f.route(h, buf[:n], chance)
	}
}

// route applies the rules to one packet of a host.
func (f *Fabric) route(h *host, frame []byte, chance *rand.Rand) {
	t := f.table.Load()
	to, ok := t.receiver(h, frame[min(f.medium.header, len(frame)):])
	if !ok {
		f.counter.unrouted.Add(1)
		return
	}
	p := t.path(h.index, to)
	switch {
	case p.cut:
		f.counter.cut.Add(1)
	case p.deny:
		f.counter.cut.Add(1)
		f.reject(h, frame)
	case p.loss > 0 && chance.Float64() < p.loss:
		f.counter.lost.Add(1)
	case p.line == nil || p.link.Delay == 0 && p.line.idle():
		f.hand(t.hosts[to], frame)
	default:
		f.delay(p, parcel{due: time.Now().Add(p.link.Delay), from: h.index, to: to, packet: f.pool.keep(frame)})
	}
}

// receiver finds the host that a packet is for; a packet with a foreign sender
// address is for no one.
func (t *table) receiver(from *host, ip []byte) (int, bool) {
	if len(ip) < ipHeader || ip[0]>>4 != 4 {
		return 0, false
	}
	if [4]byte(ip[12:16]) != from.Addr.As4() {
		return 0, false
	}
	to, ok := t.byAddr[[4]byte(ip[16:20])]
	return to, ok
}

func (f *Fabric) delay(p *path, waiting parcel) {
	ok, err := p.line.put(waiting)
	if err != nil {
		f.fault(err)
	}
	if !ok {
		f.counter.overflow.Add(1)
		f.pool.release(waiting.packet)
	}
}

// deliver hands over a packet that has waited, unless a cut came meanwhile.
func (f *Fabric) deliver(p parcel) {
	defer f.pool.release(p.packet)
	t := f.table.Load()
	if way := t.path(p.from, p.to); way.cut || way.deny {
		f.counter.cut.Add(1)
		return
	}
	f.hand(t.hosts[p.to], *p.packet)
}

// hand gives a packet to the kernel of a host, which takes it or, like any
// receiver that is out of memory, drops it.
func (f *Fabric) hand(to *host, frame []byte) {
	if _, err := to.port.Write(frame); err != nil {
		f.counter.overflow.Add(1)
		return
	}
	f.counter.delivered.Add(1)
	f.counter.bytes.Add(uint64(len(frame) - f.medium.header))
}
