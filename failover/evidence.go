package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// EvidenceKind is a rung of the evidence ladder.
type EvidenceKind string

// Evidence kinds.
const (
	EvidenceReadOnly    EvidenceKind = "read_only"
	EvidenceAcksRevoked EvidenceKind = "acks_revoked"
	EvidenceProcessDead EvidenceKind = "process_dead"
	EvidenceLeaseLapsed EvidenceKind = "lease_lapsed"
	EvidenceOperator    EvidenceKind = "operator"
)

// Evidence is a recorded proof that an earlier writer can acknowledge no more writes.
type Evidence struct {
	Server string       `json:"server"`
	Kind   EvidenceKind `json:"kind"`
	// By are the nodes that saw it, or the person who said it.
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
	// Answer is what the servers answered, in their own words as far as that is short.
	Answer string `json:"answer,omitempty"`
}

// asyncEvidence finds proof that the primary's process is dead, or sees that its lease can be had lapse, and
// bounds the loss. Without acknowledgements to revoke nothing weaker will do.
func (d *decider) asyncEvidence(r *Recovery, diag topology.Diagnosis) bool {
	e, why := d.processDead(d.s.Primary)
	obstacle := d.lapsable(r.Verdicts, "")
	switch {
	case e != nil:
		r.Evidence = append(r.Evidence, *e)
	case obstacle == "":
		r.Lapsing = true
	default:
		if d.guardWanted() {
			why += "; its lease proves nothing: " + obstacle
		}
		d.hold("hold", r.Verdicts, []string{"evidence that " + d.s.Primary + " writes no more"}, "%s; no proof that it is dead: %s", brief(diag), why)
		return false
	}
	r.Seen, r.Loss = d.lastSeen(d.s.Primary), d.estimateLoss()
	return d.lossAccepted(r, brief(diag))
}

// lossAccepted tells whether the possible loss is within the policy's bound, and holds where it is not.
func (d *decider) lossAccepted(r *Recovery, what string) bool {
	if r.Loss >= 0 && r.Loss <= d.in.Spec.Policy.MaxLostTransactions {
		return true
	}
	d.hold("hold", r.Verdicts, []string{"an operator's consent to the loss"}, "%s; the possible loss of %s is above max_lost_transactions (%d)",
		what, lossWord(r.Loss), d.in.Spec.Policy.MaxLostTransactions)
	return false
}

func lossWord(n int64) string {
	if n < 0 {
		return "an unknown number of transactions"
	}
	return fmt.Sprintf("%d transactions", n)
}

// lastSeen is what a server had executed by its last answer, nothing when that says too little: when it is
// from long before the server was lost.
func (d *decider) lastSeen(server string) *gtid.Set {
	sv := d.in.View.Find(server)
	if sv == nil || sv.Facts == nil {
		return nil
	}
	lost := topology.Never
	for _, n := range sv.Sights {
		if n.Reach != topology.ReachOK {
			lost = max(lost, n.Since)
		}
	}
	if lost != topology.Never && sv.Age-lost > 2*d.in.View.Fresh {
		return nil
	}
	return &sv.Facts.Executed
}

// estimateLoss counts what the primary was last seen to have and no eligible server holds. What it wrote
// after that answer is not in it; -1 is an unknown number.
func (d *decider) estimateLoss() int64 {
	seen := d.lastSeen(d.s.Primary)
	if seen == nil {
		return -1
	}
	var held gtid.Set
	for _, v := range policy.Candidates(d.question()) {
		if f := d.facts(v.Server); v.Eligible && f != nil {
			held = held.Union(f.Received())
		}
	}
	return lossOf(*seen, held)
}

// lossOf counts the transactions of a set that another one lacks.
func lossOf(seen, held gtid.Set) int64 {
	return int64(min(seen.Subtract(held).Count(), 1<<62)) //nolint:gosec // bounded by min
}

// processDead is the evidence of that name: two sites, or one and every reachable replica, saw the
// server's connections close and new ones refused twice; every reachable replica's receiver dropped; the
// server is known to boot read-only; and its address is its own. Else it says what is missing.
func (d *decider) processDead(server string) (*Evidence, string) {
	sv := d.in.View.Find(server)
	spec, _ := d.in.Spec.Find(server)
	if sv == nil || sv.Facts == nil {
		return nil, "it was never seen"
	}
	if spec.AddressKind != policy.AddressDirect {
		return nil, "its address is a " + string(spec.AddressKind) + ", whose refusals prove nothing"
	}
	m := d.s.Servers[server]
	if why := m.Witness.proven(sv.Facts); why != "" {
		return nil, why
	}
	saw := func(n topology.NodeSight) bool {
		return n.Reach == topology.ReachRefused && n.ConnectionLost && n.Refusals >= 2 && n.Facts != nil && n.Facts.UUID == m.UUID
	}
	dropped, why := d.receiversOf(server, sv)
	if why != "" {
		return nil, why
	}
	sites := sv.Sites(saw)
	if len(sites) == 0 || (len(sites) < 2 && len(dropped) == 0) {
		return nil, "too few saw its connections close: " + sv.Describe()
	}
	var nodes, answers []string
	for _, n := range sv.Sights {
		if saw(n) {
			nodes = append(nodes, n.Node)
			answers = append(answers, fmt.Sprintf("%s: %d refusals, %s", n.Node, n.Refusals, n.Error))
		}
	}
	return &Evidence{
		Server: server, Kind: EvidenceProcessDead, By: strings.Join(nodes, ", "), At: d.in.Now,
		Detail: fmt.Sprintf("connections to %s closed and new ones refused twice at %s; receivers dropped at %s; boots read-only, as seen",
			m.UUID, strings.Join(sites, ", "), orNoReplica(dropped)),
		Answer: short(strings.Join(answers, "; ")),
	}, ""
}

// receiversOf asks the reachable replicas of a server: those whose receiver lost it by itself, or why that is no
// proof. One that the server did not show when it answered last has lost nothing: a server that shuts down refuses
// it, and still serves whom it has. A receiver that was stopped before says nothing, unless this recovery stopped it.
func (d *decider) receiversOf(server string, sv *topology.ServerView) (dropped []string, why string) {
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if s.Name == server || f == nil || f.Source == nil || (f.Source.UUID != sv.Facts.UUID && f.Source.Address() != sv.Address) {
			continue
		}
		switch f.Source.Receiver {
		case topology.ThreadOn:
			return nil, s.Name + " still receives"
		case topology.ThreadConnecting:
			if !sv.Facts.ReplicaAttached(f.UUID) {
				return nil, s.Name + " was not attached to it, and cannot show that it ended"
			}
			dropped = append(dropped, s.Name)
		case topology.ThreadOff:
			if r := d.s.Recovery; r != nil && r.step(ActRevoke, s.Name) != nil {
				dropped = append(dropped, s.Name)
			}
		}
	}
	return dropped, ""
}

func orNoReplica(names []string) string {
	if len(names) == 0 {
		return "no replica that can be asked"
	}
	return strings.Join(names, ", ")
}

// addEvidence records why the earlier writers can acknowledge no more.
func (d *decider) addEvidence() {
	r := d.s.Recovery
	if step := r.step(ActFence, r.Old); step != nil && step.State == StepDone {
		r.Evidence = append(r.Evidence, readOnlyEvidence(r.Old, step, "super_read_only=ON returned and both variables were read back"))
	}
	for _, g := range r.Groups {
		if step := r.step(ActRevoke, g.Writer); d.writerFenced(g.Writer) && r.step(ActFence, g.Writer) == nil && step != nil {
			r.Evidence = append(r.Evidence, readOnlyEvidence(g.Writer, step, "read_only and super_read_only were read back as ON"))
		}
		if e := d.acksRevoked(g); e != nil {
			r.Evidence = append(r.Evidence, *e)
		}
	}
	d.addDeaths()
	if r.Lapse != nil {
		r.Evidence = append(r.Evidence, d.lapseEvidence())
	}
	if e, _ := d.cutLapsed(); e != nil && r.Kind == KindOverride && !d.named() {
		r.Evidence = append(r.Evidence, *e)
	}
	if r.Stated != nil {
		r.Evidence = append(r.Evidence, *r.Stated)
	}
	if o := d.s.Override; o != nil && r.Kind == KindOverride {
		r.Evidence = append(r.Evidence, operatorEvidence(r.Old, o.By, o.Reason, o.PoweredOff, o.At))
		for _, name := range o.Accepts {
			r.Evidence = append(r.Evidence, operatorEvidence(name, o.By, o.Reason, false, o.At))
		}
	}
}

// addDeaths records which of the earlier writers are known to be dead.
func (d *decider) addDeaths() {
	r := d.s.Recovery
	writers := []string{r.Old}
	for _, g := range r.Groups {
		if !slices.Contains(writers, g.Writer) {
			writers = append(writers, g.Writer)
		}
	}
	for _, w := range writers {
		known := slices.ContainsFunc(r.Evidence, func(e Evidence) bool { return e.Kind == EvidenceProcessDead && e.Server == w })
		if e, _ := d.processDead(w); e != nil && !known {
			r.Evidence = append(r.Evidence, *e)
		}
	}
}

// operatorEvidence is the word of a person: either that the server is off, or that its writes may diverge.
func operatorEvidence(server, by, reason string, off bool, at time.Time) Evidence {
	word := "accepts divergence: "
	if off {
		word = "says that it is powered off: "
	}
	return Evidence{Server: server, Kind: EvidenceOperator, By: by, At: at, Detail: word + reason}
}

// stated tells whether a person's word that a writer is powered off stands.
func (d *decider) stated(writer string) bool {
	s := d.s.Recovery.Stated
	return s != nil && s.Server == writer
}

// hearWord drops the word of a person that the old primary is powered off once that has answered.
func (d *decider) hearWord() {
	if r := d.s.Recovery; r.Stated != nil && !d.named() && d.facts(r.Stated.Server) != nil {
		r.Stated = nil
	}
}

// contradicted says what speaks against the word that the primary is powered off, or "".
func (d *decider) contradicted() string {
	sv := d.in.View.Find(d.s.Primary)
	if sv == nil || sv.Facts == nil {
		return ""
	}
	if d.facts(d.s.Primary) != nil {
		return "it answers"
	}
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if f == nil || f.Source == nil || (f.Source.UUID != sv.Facts.UUID && f.Source.Address() != sv.Address) {
			continue
		}
		if f.Source.Receiver == topology.ThreadOn && f.Source.SilentFor < d.hangAfter() {
			return s.Name + " still receives from it"
		}
	}
	return ""
}

// readOnlyEvidence is what the server answered after it was made read-only.
func readOnlyEvidence(server string, step *Step, how string) Evidence {
	return Evidence{
		Server: server, Kind: EvidenceReadOnly, By: step.By, At: step.EndedAt, Detail: how,
		Answer: short("read_only=ON, super_read_only=ON, gtid_executed=" + step.Executed.String()),
	}
}

// acksRevoked is the promotion rule |A \ T| < W for one writer, nil where it does not hold.
func (d *decider) acksRevoked(g AckGroup) *Evidence {
	if !d.semiSync() || g.Free || len(shortfall([]AckGroup{g}, d.counted, neverFenced)) > 0 {
		return nil
	}
	if len(g.Ackers) == 0 {
		return &Evidence{
			Server: g.Writer, Kind: EvidenceAcksRevoked, By: d.in.Node, At: d.in.Now,
			Detail: fmt.Sprintf("no server was ever let acknowledge to it, and a commit waits for %d", g.Wait),
		}
	}
	r := d.s.Recovery
	var stopped, answers, by []string
	var last time.Time
	for _, name := range g.Ackers {
		if ok, _ := d.counted(name); !ok {
			continue
		}
		step := r.step(ActRevoke, name)
		stopped, by = append(stopped, name), append(by, step.By)
		answers = append(answers, fmt.Sprintf("%s: receiver OFF, executed %s, received %s", name, orEmpty(step.Executed), orEmpty(step.Received)))
		if step.EndedAt.After(last) {
			last = step.EndedAt
		}
	}
	slices.Sort(by)
	return &Evidence{
		Server: g.Writer, Kind: EvidenceAcksRevoked, By: strings.Join(slices.Compact(by), ", "), At: last,
		Detail: fmt.Sprintf("receivers of %s read back as stopped; %d of its %d ackers are left, fewer than the %d a commit waits for",
			strings.Join(stopped, ", "), len(g.Ackers)-len(stopped), len(g.Ackers), g.Wait),
		Answer: short(strings.Join(answers, "; ")),
	}
}

func orEmpty(set gtid.Set) string {
	if set.IsEmpty() {
		return "nothing"
	}
	return set.String()
}

// answerKept bounds what is recorded of an answer, in bytes: the sets are in the steps as well.
const answerKept = 500

func short(answer string) string {
	if len(answer) <= answerKept {
		return answer
	}
	return answer[:answerKept] + "…"
}
