package failover

import (
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// The settings by which a server deletes binary logs by itself. The first one is newer (8.0.29) and leaves the period alone.
const (
	autoPurge = "binlog_expire_logs_auto_purge"
	logPeriod = "binlog_expire_logs_seconds"
)

// Kept says that regent has a server keep its binary logs, because a report needs them.
type Kept struct {
	Since time.Time `json:"since"`
	// Variable is what was changed on the server, for as long as it runs, and Was its value before, which is put back.
	Variable string `json:"variable"`
	Was      string `json:"was"`
	// Observed tells that nothing was changed: the cluster is only observed.
	Observed bool `json:"observed,omitempty"`
	// Error says why the server does not keep them; empty while it does, or is about to.
	Error string `json:"error,omitempty"`
}

// keeping is the setting with which the server deletes no binary log by itself; false where it shows none that says so.
func keeping(f *topology.Facts) (Setting, bool) {
	for _, s := range []Setting{{Name: autoPurge, Value: "OFF", Transient: true}, {Name: logPeriod, Value: "0", Transient: true}} {
		if _, known := f.Variables[s.Name]; known {
			return s, true
		}
	}
	return Setting{}, false
}

// logsNeeded says why no server of the cluster may delete binary logs now, or "". Both sides are needed: what only the
// old one has is captured from there, and compared with what the new one did since.
func (d *decider) logsNeeded() string {
	for i := range d.s.Divergences {
		if v := &d.s.Divergences[i]; !v.over() {
			return "report " + v.ID + " is not settled"
		}
	}
	for _, s := range d.in.Spec.Servers {
		if d.s.Servers[s.Name].Former != 0 && s.Region != d.region(d.s.Primary) && d.facts(s.Name) == nil {
			return s.Name + " was primary in another region and is not back: it may hold what " + d.s.Primary + " lacks"
		}
	}
	return ""
}

// keepLogs has every server that answers keep its binary logs while a report needs them, and delete them as before when
// none does any more. A server that was booted meanwhile is asked again.
func (d *decider) keepLogs() {
	why := d.logsNeeded()
	var kept, freed []string
	for _, s := range d.in.Spec.Servers {
		f, m := d.facts(s.Name), d.s.Servers[s.Name]
		if f == nil || m.Clone != nil || d.rewinding(s.Name) {
			continue
		}
		switch {
		case why != "":
			if d.retain(s.Name, f) {
				kept = append(kept, s.Name)
			}
		case m.Kept != nil:
			if d.release(s.Name, f) {
				freed = append(freed, s.Name)
			}
		}
	}
	d.sayKept(kept, freed, why)
}

func (d *decider) sayKept(kept, freed []string, why string) {
	observed := d.in.Spec.Mode == policy.ModeObserve
	switch {
	case len(kept) > 0 && observed:
		d.event(Event{Kind: "observed", Decision: "nothing was touched", Reason: "would have " + strings.Join(kept, ", ") + " keep their binary logs, which a report needs"})
	case len(kept) > 0:
		d.event(Event{Kind: "retention", Decision: strings.Join(kept, ", ") + " keep their binary logs", Reason: why})
	case len(freed) > 0 && !observed:
		d.event(Event{Kind: "retention", Decision: strings.Join(freed, ", ") + " delete old binary logs again", Reason: "no report needs them"})
	}
}

// retain has a server keep its binary logs, and tells whether that is new. What the server was set to is agreed before
// it is changed, so that any leader can put it back.
func (d *decider) retain(server string, f *topology.Facts) (begun bool) {
	want, known := keeping(f)
	k, observed := d.s.Servers[server].Kept, d.in.Spec.Mode == policy.ModeObserve
	if !known || satisfied(f, want) {
		if k != nil && k.Error != "" {
			d.kept(server, func(k *Kept) { k.Error = "" })
		}
		return false
	}
	if k == nil || k.Variable != want.Name || (k.Observed && !observed) {
		begun = true
		next := &Kept{Since: d.in.Now, Variable: want.Name, Was: f.Variables[want.Name], Observed: observed}
		d.member(server, func(m *Member) { m.Kept = next })
	}
	if !observed {
		d.do(Action{Kind: ActRetain, Server: server, Settings: []Setting{want}}, "/keep")
	}
	return begun
}

// release has a server delete binary logs as it did before, and tells when that is so.
func (d *decider) release(server string, f *topology.Facts) (done bool) {
	k := d.s.Servers[server].Kept
	before := Setting{Name: k.Variable, Value: k.Was, Transient: true}
	_, known := f.Variables[k.Variable]
	switch {
	case k.Observed, !known, satisfied(f, before):
		d.member(server, func(m *Member) { m.Kept = nil })
		return !k.Observed
	case d.in.Spec.Mode != policy.ModeObserve:
		d.do(Action{Kind: ActRetain, Server: server, Settings: []Setting{before}}, "/release")
	}
	return false
}

// kept changes what is agreed about the binary logs of a server.
func (d *decider) kept(server string, change func(*Kept)) {
	d.member(server, func(m *Member) {
		k := *m.Kept
		change(&k)
		m.Kept = &k
	})
}

// absorbRetain records why a server does not keep its binary logs. The report goes on: what is lost by it makes the
// report incomplete, and it says so.
func (d *decider) absorbRetain(r Result) {
	server := r.Action.Server
	k := d.s.Servers[server].Kept
	if k == nil || k.Error == r.Err {
		return
	}
	d.kept(server, func(k *Kept) { k.Error = r.Err })
	if k.Error == "" && r.Err != "" {
		what := server + " may delete binary logs that a report needs"
		if d.logsNeeded() == "" {
			what = server + " keeps its binary logs though no report needs them"
		}
		d.event(Event{Kind: "retention", Decision: what, Reason: r.Err, Failed: true})
	}
}

// Keeping lists the servers of the cluster that regent has keep their binary logs, sorted.
func (s *State) Keeping() []string {
	var out []string
	for name, m := range s.Servers {
		if m.Kept != nil && !m.Kept.Observed {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
