package failover_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
)

// print writes a set with servers' names in place of their uuids.
func (w *world) print(set gtid.Set) string {
	text := set.String()
	for _, s := range w.servers {
		text = strings.ReplaceAll(text, s.uuid, s.Name)
	}
	return text
}

// show prints a decision: its sentence, what it changes in the state, its events and actions.
func (s *stage) show(before failover.State, d failover.Decision) {
	s.printf("%s\n", s.readable(d.Reason))
	old := strings.Split(s.describe(before), "\n")
	for _, line := range strings.Split(s.describe(d.Next), "\n") {
		if !slices.Contains(old, line) {
			s.printf("    = %s\n", line)
		}
	}
	for _, e := range d.Events {
		failed := ""
		if e.Failed {
			failed = " (failed)"
		}
		s.printf("    event %s: %s: %s%s\n", e.Kind, e.Decision, s.readable(e.Reason), failed)
		for _, v := range e.Candidates {
			s.printf("        %s eligible=%t: %s\n", v.Server, v.Eligible, v.Reason)
		}
		if e.Lost != nil && *e.Lost != 0 {
			s.printf("        lost, as estimated: %d\n", *e.Lost)
		}
		for _, v := range e.Evidence {
			s.printf("        evidence %s %s, by %s: %s\n", v.Kind, v.Server, v.By, v.Detail)
			if v.Answer != "" {
				s.printf("            answer: %s\n", s.readable(v.Answer))
			}
		}
	}
	for _, a := range d.Actions {
		s.printf("    > %s\n", s.action(a))
	}
}

// readable is a sentence with names in place of uuids.
func (s *stage) readable(text string) string {
	for _, srv := range s.servers {
		text = strings.ReplaceAll(text, srv.uuid, srv.Name)
	}
	return text
}

func (s *stage) action(a failover.Action) string {
	parts := []string{string(a.Kind), a.Server}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("source", a.Source)
	add("target", s.print(a.Target))
	add("donors", strings.Join(a.Donors, ","))
	if a.Acker {
		add("acker", "true")
	}
	if a.WaitCount > 0 {
		add("wait", strconv.Itoa(a.WaitCount))
	}
	settings := make([]string, 0, len(a.Settings))
	for _, v := range a.Settings {
		settings = append(settings, v.Name)
	}
	if more := len(settings) - 3; more > 0 {
		settings = append(settings[:3], fmt.Sprintf("%d more", more))
	}
	add("settings", strings.Join(settings, ","))
	if a.Divergence != nil {
		add("report", a.Divergence.ID)
	}
	if o := a.Lease; o != nil {
		add("row", fmt.Sprintf("%d:%s", o.SetVersion, orNone(strings.Join(o.Candidates, ","))))
	}
	add("session", a.Session)
	return strings.Join(parts, " ")
}

// describe is a state in lines, of which a transcript shows those that changed.
func (s *stage) describe(st failover.State) string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("epoch %d, primary %s", st.Epoch, orNone(st.Primary))
	add("ackers %s, wait %d, armed %t", orNone(strings.Join(st.Ackers, ",")), st.WaitCount, st.Armed)
	add("unproven: %s", orNone(st.Unproven))
	if st.Shortage != nil {
		add("shortage, degraded %t", st.Shortage.Degraded)
	}
	if st.Hold == nil {
		add("no hold")
	} else {
		add("hold: %s", s.readable(st.Hold.Reason))
		add("missing: %s", orNone(strings.Join(st.Hold.Missing, "; ")))
	}
	add("isolated: %s", orNone(st.Isolated))
	if st.Unfencing {
		add("a fence was given up")
	}
	if st.Override != nil {
		add("override %s to %s until %s", st.Override.ID, st.Override.Target, st.Override.Expires.Format(time.TimeOnly))
	}
	lines = append(lines, s.describeGuard(st.Guard)...)
	lines = append(lines, s.describeRecovery(st.Recovery)...)
	for _, name := range slices.Sorted(maps.Keys(st.Servers)) {
		m := st.Servers[name]
		state := ""
		if m.Quarantine != nil {
			state += fmt.Sprintf(" quarantined (extra %s, fenced %t, report %s)", orNone(s.print(m.Quarantine.Extra)), m.Quarantine.Fenced, m.Quarantine.Divergence)
			if m.Quarantine.Rewinding {
				state += " rewinding"
			}
			if m.Quarantine.Torn {
				state += " torn"
			}
		}
		if m.Clone != nil {
			state += " clone from " + m.Clone.From
		}
		if k := m.Kept; k != nil {
			state += fmt.Sprintf(" keeps logs (%s was %s, observed %t, error %s)", k.Variable, k.Was, k.Observed, orNone(k.Error))
		}
		if m.Former > 0 {
			state += fmt.Sprintf(" primary of epoch %d before", m.Former)
		}
		if m.Away {
			state += " away"
		}
		if m.Witness.Start != "" && s.spec.Policy.Durability == policy.DurabilityAsync {
			state += " boots read-only"
		}
		add("%s:%s", name, orNone(state))
	}
	for _, div := range st.Divergences {
		add("report %s %s old=%s new=%s captured=%s transactions=%d complete=%t", div.ID, div.State, div.OldServer, div.NewServer, orNone(s.print(div.Captured)), div.Transactions, div.Complete)
		if div.Files > 0 {
			add("files %s: change %d on %s, removed %t", div.ID, div.Files, orNone(strings.Join(div.Holders(), ",")), div.Removed)
		}
		if job := div.Job; job != nil {
			add("job %s on %s by %s, waits %t, approved by %s, try %d", job.Kind, job.Server, job.By, job.Waits, orNone(job.Approved), job.Tries)
		}
		if div.Tally != nil {
			add("tally %s", div.Tally)
		}
	}
	if st.Flapping {
		add("flapping after %d failovers", len(st.Failovers))
	}
	if st.Lost != nil && st.Lost.Braked != "" {
		add("braked: %s", st.Lost.Braked)
	}
	if st.Paused != nil {
		add("%s", st.Paused)
	}
	if !st.CooldownUntil.IsZero() {
		add("cooldown until %s", st.CooldownUntil.Format(time.TimeOnly))
	}
	return strings.Join(lines, "\n")
}

func (s *stage) describeRecovery(r *failover.Recovery) []string {
	if r == nil {
		return []string{"no recovery"}
	}
	lines := []string{fmt.Sprintf("recovery %s %s, attempt %d, candidate %s, ackers %s, wait %d", r.Kind, r.Stage, r.Attempt, orNone(r.Candidate), orNone(strings.Join(r.Ackers, ",")), r.WaitCount)}
	lines = append(lines, describeLapse(r.Lapse)...)
	if !r.Target.IsEmpty() || !r.Tail.IsEmpty() {
		lines = append(lines, fmt.Sprintf("target %s, tail %s from %s", s.print(r.Target), orNone(s.print(r.Tail)), orNone(strings.Join(r.TailFrom, ","))))
	}
	for _, g := range r.Groups {
		free := ""
		if g.Free {
			free = ", free"
		}
		lines = append(lines, fmt.Sprintf("group %s: %d of %s%s", g.Writer, g.Wait, orNone(strings.Join(g.Ackers, ",")), free))
	}
	for _, step := range r.Steps {
		note := ""
		if step.Name == failover.ActRevoke && step.State == failover.StepDone && !step.Counts {
			note = " (does not count: " + step.Why + ")"
		}
		lines = append(lines, fmt.Sprintf("step %d %s %s %s%s", step.Attempt, step.Name, step.Server, step.State, note))
	}
	return lines
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
