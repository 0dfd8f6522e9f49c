package observer

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/regentdb/regent/topology"
)

// peer is another node that is told what this one sees.
type peer struct {
	id     string
	urgent chan struct{} // something meaningful changed
	soon   chan struct{} // positions moved while a cluster is in alert

	mu     sync.Mutex    // leaf-level
	failed bool          // the last report did not arrive
	trip   time.Duration // how long the last one that arrived took, there and back
}

func newPeer(id string) *peer {
	return &peer{id: id, urgent: make(chan struct{}, 1), soon: make(chan struct{}, 1)}
}

// note takes the outcome of a report, and tells whether it is another one than before.
func (p *peer) note(err error, took time.Duration) (turned bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.trip = took
	}
	turned = (err != nil) != p.failed
	p.failed = err != nil
	return turned
}

// tripTime is how long the last report that arrived took.
func (p *peer) tripTime() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trip
}

// tellPeers asks for reports to every peer. It never blocks.
func (o *Observer) tellPeers(urgent, soon bool) {
	for _, p := range o.peers {
		switch {
		case urgent:
			notify(p.urgent)
		case soon:
			notify(p.soon)
		}
	}
}

// tell sends reports to one peer: at once when something changed, and at least every interval. Each
// report is made when it is sent, so that a slow peer gets the newest state and not a queue of old ones. What is
// seen next does not wait until a peer far away has answered for what was seen before.
func (o *Observer) tell(ctx context.Context, p *peer) {
	var sending sync.WaitGroup
	defer sending.Wait()
	free := make(chan struct{}, inFlight)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.urgent:
			pause(ctx, coalesce)
		case <-p.soon:
			p.settle(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case free <- struct{}{}:
		}
		sending.Go(func() {
			o.send(ctx, p)
			<-free
		})
		timer.Reset(o.cfg.Interval)
	}
}

// settle waits until positions are worth a report, or something meaningful happens.
func (p *peer) settle(ctx context.Context) {
	timer := time.NewTimer(alertPace)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.urgent:
		pause(ctx, coalesce)
	}
}

func (o *Observer) send(ctx context.Context, p *peer) {
	limit, cancel := context.WithTimeout(ctx, o.cfg.Timeout)
	defer cancel()
	r := o.Report()
	ageAnswers(&r, p.tripTime())
	began := time.Now()
	err := o.cfg.Publish(limit, p.id, r)
	if ctx.Err() != nil || !p.note(err, time.Since(began)) {
		return
	}
	if err != nil {
		o.cfg.Logger.WarnContext(ctx, "reports to a node do not arrive", "node", p.id, "error", err)
	} else {
		o.cfg.Logger.InfoContext(ctx, "reports to a node arrive", "node", p.id)
	}
}

// ageAnswers makes the answers in a report as old as they will be at the latest when it arrives. A
// refusal is not aged: where two nodes disagree, the receiver takes the answer for the older one.
func ageAnswers(r *topology.Report, trip time.Duration) {
	for i := range r.Sights {
		if r.Sights[i].LastAnswer != topology.Never {
			r.Sights[i].LastAnswer += trip
		}
	}
}

// hearsay is the latest report of another node.
type hearsay struct {
	report topology.Report // without sights
	sights map[string]topology.Sight
	at     time.Time
	past   []string // earlier boots of the node, newest last
}

// Receive takes a report of another node and tells whether it was news: from a member of the group,
// and newer than what that node said before.
func (o *Observer) Receive(r topology.Report) bool {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, member := o.nodes[r.Node]; !member {
		return false
	}
	h := o.heard[r.Node]
	if h == nil {
		h = &hearsay{}
		o.heard[r.Node] = h
	} else if !h.newer(&r) {
		return false
	}
	old := h.sights
	h.take(r, o.targets, now)
	for name, sight := range h.sights {
		p, before := o.probes[name], old[name]
		if p != nil && before.Server != "" && alarming(&before, &sight) {
			o.alarm(p.target.Cluster, now, lost(&before, &sight))
		}
	}
	notify(o.changed)
	return true
}

// newer tells whether a report comes after the one known. A boot that was superseded never returns.
func (h *hearsay) newer(r *topology.Report) bool {
	if r.Boot == h.report.Boot {
		return r.Seq > h.report.Seq
	}
	return !slices.Contains(h.past, r.Boot)
}

// take replaces what was known of a node by its report. Only declared servers are kept, so that what is
// remembered is bounded by what is declared, whatever a node sends.
func (h *hearsay) take(r topology.Report, declared map[string]Target, now time.Time) {
	if h.report.Boot != "" && h.report.Boot != r.Boot {
		h.past = append(h.past[max(0, len(h.past)-bootsKept+1):], h.report.Boot)
	}
	h.sights = make(map[string]topology.Sight, len(declared))
	for _, s := range r.Sights {
		if _, known := declared[s.Server]; known {
			h.sights[s.Server] = s
		}
	}
	h.report, h.at = r, now
	h.report.Sights = nil
	h.report.Peers = slices.Clone(r.Peers[:min(len(r.Peers), peersKept)])
}
