package fabric

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lineCapacity bounds the bytes in one line; what comes on top is dropped,
	// as a router with a full queue does. Three hosts that each copy at full
	// TCP windows stay below it.
	lineCapacity = 64 << 20
	// slack is how much later than due the line wakes up, so that packets
	// that follow each other closely share one wake-up.
	slack = 100 * time.Microsecond
	// handover lies between the last packet of a line and the first of the one
	// that takes over from it: two timers that are due at once fire in any order.
	handover = 5 * time.Millisecond
)

// parcel is a packet on its way.
type parcel struct {
	due      time.Time
	from, to int
	packet   *[]byte
}

// line holds the packets of one region to another until they are due, in the
// order of their arrival.
type line struct {
	timer   *os.File // a timerfd, which is more exact than a runtime timer.
	deliver func(parcel)

	mu     sync.Mutex
	fd     int // of the timer, valid until closed.
	closed bool
	queue  []parcel  // sorted by due.
	bytes  int       // in the buffers of the queue.
	busy   bool      // packets are queued, or being delivered.
	last   time.Time // due of the last packet that came.
}

// lay makes the lines between two regions, one for each direction. The caller
// holds f.mu.
func (f *Fabric) lay(key linkKey) error {
	for _, pair := range []linePair{{from: key.low, to: key.high}, {from: key.high, to: key.low}} {
		if _, err := f.layOne(pair); err != nil {
			return err
		}
	}
	return nil
}

// layEnds makes the lines of hosts that delay everything, to and from every
// other host. They begin where the line of the regions has come to, so that no
// packet overtakes. The caller holds f.mu.
func (f *Fabric) layEnds() error {
	for _, from := range f.hosts {
		for _, to := range f.hosts {
			if from == to || f.ends[from.Name].delay+f.ends[to.Name].delay == 0 {
				continue
			}
			l, err := f.layOne(linePair{from.Name, to.Name, true})
			if err != nil {
				return err
			}
			if shared := f.lines[linePair{from: from.Region, to: to.Region}]; shared != nil {
				l.follow(shared)
			}
		}
	}
	return nil
}

// layOne makes one line, unless it is there. The caller holds f.mu.
func (f *Fabric) layOne(pair linePair) (*line, error) {
	if l := f.lines[pair]; l != nil {
		return l, nil
	}
	l, err := newLine(f.deliver)
	if err != nil {
		return nil, err
	}
	f.lines[pair] = l
	f.work.Go(func() {
		if err := l.run(); err != nil {
			f.fault(err)
		}
	})
	return l, nil
}

func newLine(deliver func(parcel)) (*line, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return &line{timer: os.NewFile(uintptr(fd), "timerfd"), fd: fd, deliver: deliver}, nil
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.timer.Close()
}

// idle tells whether nothing is on its way, so that a packet without a delay
// may pass the line by without overtaking.
func (l *line) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.busy
}

// follow delivers nothing before what another line has taken by now, give or
// take the handover.
func (l *line) follow(other *line) {
	other.mu.Lock()
	last, busy := other.last, other.busy
	other.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if busy && last.After(l.last) {
		l.last = last.Add(handover)
	}
}

// waiting is how many packets are on their way.
func (l *line) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// put queues a packet; it reports false where the line is full.
func (l *line) put(p parcel) (ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+cap(*p.packet) > lineCapacity {
		return false, nil
	}
	if p.due.Before(l.last) {
		p.due = l.last // a shortened delay must not reorder.
	}
	l.last = p.due
	l.bytes += cap(*p.packet)
	l.queue = append(l.queue, p)
	if l.busy {
		return true, nil
	}
	l.busy = true
	return true, l.arm(p.due)
}

// run delivers packets until the line is closed.
func (l *line) run() error {
	var ticks [8]byte
	for {
		if _, err := l.timer.Read(ticks[:]); errors.Is(err, os.ErrClosed) {
			return nil
		} else if err != nil {
			return fmt.Errorf("fabric: wait in a delay line: %w", err)
		}
		if err := l.drain(); err != nil {
			return err
		}
	}
}

// drain delivers what is due and sets the timer for the rest.
func (l *line) drain() error {
	for {
		ready, err := l.take(time.Now())
		if len(ready) == 0 || err != nil {
			return err
		}
		for _, p := range ready {
			l.deliver(p)
		}
	}
}

// take removes the packets that are due. Where there are none it sets the
// timer, or leaves the line idle.
func (l *line) take(now time.Time) ([]parcel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.queue) && !l.queue[n].due.After(now) {
		l.bytes -= cap(*l.queue[n].packet)
		n++
	}
	ready := l.queue[:n:n]
	l.queue = l.queue[n:]
	if n > 0 {
		return ready, nil
	}
	if len(l.queue) == 0 {
		l.queue, l.busy = nil, false
		return nil, nil
	}
	return nil, l.arm(l.queue[0].due)
}

// arm sets the timer; a closed line needs none. The caller holds l.mu.
func (l *line) arm(due time.Time) error {
	if l.closed {
		return nil
	}
	wait := max(time.Until(due)+slack, time.Nanosecond)
	spec := &unix.ItimerSpec{Value: unix.NsecToTimespec(wait.Nanoseconds())}
	if err := unix.TimerfdSettime(l.fd, 0, spec, nil); err != nil {
		return fmt.Errorf("fabric: set the timer of a delay line: %w", err)
	}
	return nil
}
