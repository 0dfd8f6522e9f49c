package failover

import (
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// extras are the transactions a server holds and the primary lacks. What carries the primary's own
// uuid is on its way from the primary: its answer may be older than the replica's.
func (d *decider) extras(f, fp *topology.Facts) gtid.Set {
	return f.Received().Subtract(fp.Received()).Subtract(d.s.Baseline).Without(fp.UUID)
}

// knownOf is everything that a primary is known to hold: what it was last seen to have, and what it had
// when it was opened.
func (d *decider) knownOf(primary string) gtid.Set {
	known := d.s.Baseline
	if p := d.in.View.Find(primary); p != nil && p.Facts != nil {
		known = known.Union(p.Facts.Received())
	}
	return known
}

// quarantine commits that the server is kept apart, before anything is done to it.
func (d *decider) quarantine(server string, extra gtid.Set) {
	reason := fmt.Sprintf("holds %d transactions that %s lacks", extra.Count(), d.s.Primary)
	if extra.IsEmpty() {
		reason = "commits that " + d.s.Primary + " may lack wait on it for acknowledgements"
	}
	div := d.divergence(server)
	div.Extras[server] = extra
	d.member(server, func(m *Member) {
		before := Quarantine{}
		if m.Quarantine != nil {
			before = *m.Quarantine
		}
		m.Quarantine = &Quarantine{
			Since: d.in.Now, Reason: reason, Extra: extra, Divergence: div.ID, Torn: before.Torn, Rewinding: before.Rewinding,
		}
		m.Away = true
	})
	d.event(Event{Kind: "quarantine", Decision: server + " is kept read-only and apart", Reason: reason})
}

// divergence finds the open report against the current primary, or begins one.
func (d *decider) divergence(server string) *Divergence {
	for i := range d.s.Divergences {
		div := &d.s.Divergences[i]
		if div.Epoch == d.s.Epoch && !div.over() {
			if d.s.Servers[server].Former != 0 {
				div.OldServer = server
			}
			// The report is written anew, so that it lists this server too.
			div.State = DivergenceCapturing
			return div
		}
	}
	d.s.Counter++
	d.s.Divergences = append(d.s.Divergences, Divergence{
		ID: fmt.Sprintf("%s-e%d-%d", d.s.Cluster, d.s.Epoch, d.s.Counter), State: DivergenceCapturing, Epoch: d.s.Epoch,
		OldServer: server, NewServer: d.s.Primary, Extras: map[string]gtid.Set{}, CreatedAt: d.in.Now,
	})
	return &d.s.Divergences[len(d.s.Divergences)-1]
}

// keepQuarantined fences the server until its binary log is final, then waits for people. A server
// that was rebuilt and holds no extras any more leaves quarantine by itself.
func (d *decider) keepQuarantined(server string, f *topology.Facts, extra gtid.Set) {
	q := d.s.Servers[server].Quarantine
	div := d.report(q.Divergence)
	boot := Differences(f, bootSettings())
	switch {
	case q.Fenced && !q.Extra.Contains(extra):
		// Somebody with special privileges has written on it since, or the primary was replaced by one
		// that lacks more: the report is not complete any more.
		d.quarantine(server, extra)
	case !q.Fenced || !f.ReadOnly():
		// One that takes writes again, after a boot that nobody could keep from that, has more to report. A rebuild that
		// was interrupted leaves read_only alone on, and none is begun like that.
		d.member(server, func(m *Member) {
			open := *m.Quarantine
			open.Fenced = open.Fenced && !f.Writable()
			m.Quarantine = &open
		})
		d.do(Action{Kind: ActQuarantine, Server: server}, "")
	case len(boot) > 0:
		// Its next boot would take writes or receive, and nothing may be destroyed on it before it is fenced for good.
		d.do(Action{Kind: ActConfigure, Server: server, Settings: boot}, "/boot")
	case extra.IsEmpty() && !q.Torn && !q.Rewinding && (div == nil || div.State == DivergenceOpen || div.State == DivergenceSettled || div.empty()):
		d.member(server, func(m *Member) { m.Quarantine = nil })
		d.event(Event{Kind: "rejoin", Decision: server + " leaves quarantine", Reason: "it holds nothing that " + d.s.Primary + " lacks"})
	}
}

// over tells that nothing more is captured for the report.
func (v *Divergence) over() bool { return v.State == DivergenceSettled || v.State == DivergenceFailed }

// empty tells that no server turned out to hold anything, so that there is nothing to report.
func (v *Divergence) empty() bool {
	return v.State == DivergenceCapturing && v.Union().IsEmpty() && v.Captured.IsEmpty()
}

func (d *decider) report(id string) *Divergence {
	for i := range d.s.Divergences {
		if d.s.Divergences[i].ID == id {
			return &d.s.Divergences[i]
		}
	}
	return nil
}

// absorbQuarantine records that a server's binary log is final.
func (d *decider) absorbQuarantine(r Result) {
	m := d.s.Servers[r.Action.Server]
	if m.Quarantine == nil || r.Facts == nil || r.Err != "" {
		return
	}
	fp := d.primaryFacts()
	if fp == nil {
		return
	}
	extra := d.extras(r.Facts, fp)
	switch div := d.report(m.Quarantine.Divergence); {
	case extra.IsEmpty():
	case div == nil, div.over() && !div.Captured.Contains(extra):
		// What is settled stays as it is: the rest is in a report of its own. One whose rebuild failed may have none.
		d.quarantine(r.Action.Server, extra)
		m = d.s.Servers[r.Action.Server]
	}
	q := *m.Quarantine
	q.Fenced, q.Extra = true, extra
	m.Quarantine = &q
	d.s.Servers[r.Action.Server] = m
	div := d.report(q.Divergence)
	if div == nil {
		return
	}
	if q.Extra.IsEmpty() {
		delete(div.Extras, r.Action.Server)
		return
	}
	div.Extras[r.Action.Server] = q.Extra
	if !div.Captured.Contains(q.Extra) {
		div.State = DivergenceCapturing // also while there is no primary to compare with
	}
}

func (d *decider) primaryFacts() *topology.Facts {
	if p := d.in.View.Find(d.s.Primary); p != nil {
		return p.Facts
	}
	return nil
}

// settle drives the reports: capture when every holder's log is final, then compare.
func (d *decider) settle(fp *topology.Facts) {
	d.s.Divergences = slices.DeleteFunc(d.s.Divergences, func(v Divergence) bool {
		return v.empty() && !d.quarantinedBy(v.ID)
	})
	for i := range d.s.Divergences {
		div := &d.s.Divergences[i]
		if div.over() || d.rests(div.RetryAt, longestRetry) || !d.final(div) {
			continue
		}
		if !div.Captured.Contains(div.Union()) || (div.State == DivergenceComparing && !d.here(div)) {
			div.State = DivergenceCapturing
		}
		snapshot := *div
		switch div.State {
		case DivergenceCapturing:
			d.do(Action{Kind: ActCapture, Server: div.NewServer, Divergence: &snapshot, Target: fp.Executed, Deadline: captureDeadline}, suffixOf(div))
		case DivergenceComparing:
			d.do(Action{Kind: ActCompare, Server: div.NewServer, Divergence: &snapshot, Target: fp.Executed, Deadline: captureDeadline}, suffixOf(div))
		case DivergenceOpen, DivergenceSettled, DivergenceFailed:
		}
	}
}

func suffixOf(div *Divergence) string {
	return fmt.Sprintf("/%s/%d/%d", div.ID, len(div.Extras), div.Tries)
}

func (d *decider) quarantinedBy(id string) bool {
	for _, m := range d.s.Servers {
		if m.Quarantine != nil && m.Quarantine.Divergence == id {
			return true
		}
	}
	return false
}

// final tells whether the extras of a divergence can no longer grow on any server that answers.
func (d *decider) final(div *Divergence) bool {
	age := d.since(div.CreatedAt)
	if age < settleDelay {
		return false
	}
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		q := d.s.Servers[s.Name].Quarantine
		if q != nil && q.Divergence == div.ID && !q.Fenced && (f != nil || age < absentDelay) {
			return false
		}
		if f != nil && q == nil && s.Name != d.s.Primary && f.Writable() {
			return false
		}
	}
	return true
}

// absorbReport records how far a capture or a comparison came. A failure is tried again: the
// captured files and the quarantine stay.
func (d *decider) absorbReport(r Result) {
	div := d.report(r.Action.Divergence.ID)
	if div == nil || (r.Action.Kind == ActCapture) != (div.State == DivergenceCapturing) {
		return
	}
	if r.Err != "" || r.Report == nil {
		if div.Error == "" {
			d.event(Event{Kind: "report", Decision: "report " + div.ID + " waits", Reason: r.Err, Failed: true})
		}
		div.Error, div.Tries = r.Err, div.Tries+1
		div.RetryAt = d.in.Now.Add(min(longestRetry, time.Second<<min(div.Tries, 5)))
		return
	}
	div.Error, div.Node, div.Complete = "", r.By, r.Report.Complete
	div.changed(d.in.Now)
	if r.Action.Kind == ActCapture {
		div.Captured, div.State = r.Report.Captured, DivergenceComparing
		return
	}
	div.State = DivergenceOpen
	div.Transactions, div.Undecodable, div.ByClass = r.Report.Transactions, r.Report.Undecodable, r.Report.ByClass
	div.From, div.To = r.Report.From, r.Report.To
	d.event(Event{
		Kind: "report", Decision: "report " + div.ID,
		Reason: fmt.Sprintf("%d transactions are only on the old side (%s)", div.Transactions, classes(div.ByClass)),
	})
}

func classes(by map[string]int) string {
	names := make([]string, 0, len(by))
	for n := range by {
		names = append(names, n)
	}
	slices.Sort(names)
	out := ""
	for i, n := range names {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%d %s", by[n], n)
	}
	return out
}
