package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Word is the state of a cluster in one word.
type Word string

// State words, as scripts read them.
const (
	WordOK          Word = "ok"
	WordDegraded    Word = "degraded"
	WordRecovering  Word = "recovering"
	WordHold        Word = "hold"
	WordIsolated    Word = "isolated"
	WordMaintenance Word = "maintenance"
	WordSplitBrain  Word = "split_brain"
)

// Words lists all state words in the order of their names.
func Words() []Word {
	return []Word{WordDegraded, WordHold, WordIsolated, WordMaintenance, WordOK, WordRecovering, WordSplitBrain}
}

// Condition sums up a cluster in one word and one sentence.
func Condition(spec *policy.ClusterSpec, s *State, view *topology.View) (Word, string) {
	if w := writable(spec, view); len(w) > 1 {
		return WordSplitBrain, strings.Join(w, ", ") + " are all writable"
	}
	switch {
	case s.Paused != nil:
		return WordMaintenance, s.Paused.String()
	case s.Hold != nil:
		return WordHold, s.Hold.Reason
	case s.Recovery != nil:
		return WordRecovering, recoveringReason(s.Recovery)
	case s.Isolated != "":
		return WordIsolated, s.Isolated
	case s.Epoch == 0:
		return WordHold, "not adopted yet"
	}
	if problems := problems(spec, s, view); len(problems) > 0 {
		return WordDegraded, strings.Join(problems, "; ")
	}
	return WordOK, ""
}

func recoveringReason(r *Recovery) string {
	if r.Candidate == "" {
		return fmt.Sprintf("%s: %s", r.Stage, r.Reason)
	}
	return fmt.Sprintf("%s towards %s: %s", r.Stage, r.Candidate, r.Reason)
}

func writable(spec *policy.ClusterSpec, view *topology.View) []string {
	var out []string
	for _, s := range spec.Servers {
		if f := view.Current(s.Name); f != nil && f.Writable() {
			out = append(out, s.Name)
		}
	}
	return out
}

// problems lists what keeps a cluster from being ok though its primary may be well.
func problems(spec *policy.ClusterSpec, s *State, view *topology.View) []string {
	var out []string
	for _, srv := range spec.Servers {
		f := view.Current(srv.Name)
		m := s.Servers[srv.Name]
		switch {
		case f == nil:
			out = append(out, srv.Name+" is not reachable")
		case m.Clone != nil:
			out = append(out, srv.Name+" is being rebuilt from "+m.Clone.From)
		case m.Quarantine != nil:
			out = append(out, srv.Name+" is quarantined: "+m.Quarantine.Reason)
		case srv.Name == s.Primary && !f.Writable():
			out = append(out, srv.Name+" is the primary and read-only")
		case srv.Name == s.Primary && f.Commits.StuckFor >= stuckAfter:
			out = append(out, stuckProblem(srv.Name, f))
		case srv.Name != s.Primary:
			out = append(out, replicaProblem(srv.Name, f, view.Find(s.Primary))...)
		}
	}
	if spec.Policy.Durability == policy.DurabilitySemiSync && s.Unproven != "" {
		out = append(out, "acknowledged writes are not proven: "+s.Unproven)
	}
	if s.Flapping {
		out = append(out, fmt.Sprintf("it failed over %d times within %s: automation waits for `regent ack %s`", len(s.Failovers), time.Duration(spec.Policy.Flap.Window), spec.Name))
	}
	if problem := guardProblem(spec, s); problem != "" {
		out = append(out, problem)
	}
	for _, d := range s.Divergences {
		if d.State != DivergenceSettled {
			out = append(out, fmt.Sprintf("report %s is %s", d.ID, d.State))
		}
	}
	return out
}

// stuckAfter is how long no transaction may end while commits wait before that is worth a word. Nobody is
// promoted for it: a server that answers can be fenced, and whoever waits has been told nothing.
const stuckAfter = 2 * time.Second

// stuckProblem says what commits that do not end seem to wait for.
func stuckProblem(primary string, f *topology.Facts) string {
	why := "and not for an acknowledgement: its disk may be full or hang, its error log says more"
	if awaitsAcks(f) {
		why = "for acknowledgements that do not come"
	}
	return fmt.Sprintf("commits on %s have not ended for %s: %d wait, %s", primary, f.Commits.StuckFor.Truncate(time.Second), f.Commits.Waiting, why)
}

func replicaProblem(name string, f *topology.Facts, primary *topology.ServerView) []string {
	switch {
	case f.Source == nil:
		return []string{name + " does not replicate"}
	case primary != nil && f.Source.Address() != primary.Address:
		return []string{name + " replicates from " + f.Source.Address()}
	case f.Source.Receiver != topology.ThreadOn:
		return []string{name + " receives nothing: " + string(f.Source.Receiver)}
	case f.Source.Applier != topology.ThreadOn:
		return []string{name + " applies nothing: " + f.Source.ApplierError}
	}
	return nil
}

// Settled tells whether nothing is under way or held for the cluster.
func Settled(s *State) bool {
	return s.Recovery == nil && s.Hold == nil && !slices.ContainsFunc(s.Divergences, func(d Divergence) bool {
		return d.State == DivergenceCapturing || d.State == DivergenceComparing
	})
}
