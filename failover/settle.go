package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
)

// Settling says which transactions of a report an order means, and how much that is.
type Settling struct {
	// Classes, Transactions and Tables choose: what is meant passes each that is not empty.
	Classes      []string `json:"classes,omitempty"`
	Transactions []string `json:"transactions,omitempty"`
	Tables       []string `json:"tables,omitempty"`
	// Count and Rows are the transactions and row changes that this means and that are not settled yet.
	Count int `json:"count"`
	Rows  int `json:"rows"`
	// Forecast is what would come of them now, by outcome; nil where nobody looked.
	Forecast *Tally `json:"forecast,omitempty"`
	// Rest tells that the note of an acknowledgement speaks for everything that nothing was decided about.
	Rest bool `json:"rest,omitempty"`
}

// String is the choice in words.
func (s *Settling) String() string {
	var words []string
	for _, part := range []struct {
		name   string
		values []string
	}{{"class", s.Classes}, {"transaction", s.Transactions}, {"table", s.Tables}} {
		if len(part.values) > 0 {
			words = append(words, part.name+" "+strings.Join(part.values, ", "))
		}
	}
	return strings.Join(words, "; ")
}

// Job is a replay or a rewind that was ordered and is not over. Node has the files of the report.
type Job struct {
	ID     string    `json:"id"`
	Kind   OrderKind `json:"kind"`
	Server string    `json:"server"` // the primary, or the server that is rewound
	Settle Settling  `json:"settle,omitzero"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Node   string    `json:"node"`
	// Waits tells that another person has to approve it first.
	Waits    bool      `json:"waits,omitempty"`
	Approved string    `json:"approved_by,omitempty"`
	Tries    int       `json:"tries,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	Error    string    `json:"error,omitempty"`
	// Alone tells that for a while what it decided was on Node alone.
	Alone bool `json:"alone,omitempty"`
}

// Tally is what was decided about the transactions of a report.
type Tally struct {
	Replayed     int `json:"replayed"`
	Already      int `json:"already_there"`
	Left         int `json:"left_alone"`
	Acknowledged int `json:"acknowledged"`
	Undecided    int `json:"undecided"`
}

// String is the tally in words.
func (t *Tally) String() string {
	return fmt.Sprintf("%d replayed, %d already there, %d left alone, %d acknowledged, %d undecided",
		t.Replayed, t.Already, t.Left, t.Acknowledged, t.Undecided)
}

// JobOutcome is how a report stands after a job was worked on.
type JobOutcome struct {
	Tally *Tally
	// Over tells that the job has ended, done or given up; otherwise it is tried again.
	Over bool
	// Torn tells that the server lost data in it, and must be rebuilt.
	Torn bool
	// Alone tells that no other node had what was decided before the next decision.
	Alone bool
}

// partial tells whether an acknowledgement means a part of a report.
func (o *Order) partial() bool { return o.Settle != nil && !o.Settle.Rest }

// rest tells whether an acknowledgement speaks for everything that is left.
func (o *Order) rest() bool { return o.Settle != nil && o.Settle.Rest }

// unsettled says what keeps a report that was begun to be settled from being acknowledged, or "".
func (v *Divergence) unsettled() string {
	switch {
	case v.Job != nil:
		return fmt.Sprintf("the %s of report %s that %s ordered is not over", v.Job.Kind, v.ID, v.Job.By)
	case v.Tally != nil && v.Tally.Left+v.Tally.Undecided > 0:
		return fmt.Sprintf("%d transactions of report %s were left alone and nothing was decided about %d: replay them, acknowledge them with a "+
			"reason (--class, --transaction), or say with --rest that the note speaks for all of them; `regent report handover %s` lists them",
			v.Tally.Left, v.ID, v.Tally.Undecided, v.ID)
	}
	return ""
}

// standing tells how far a report was settled transaction by transaction.
func (v *Divergence) standing() []string {
	if v.Tally == nil {
		return nil
	}
	return []string{v.Tally.String()}
}

// left says for what the note of an acknowledgement has to speak.
func (v *Divergence) left() []string {
	switch safe := v.ByClass["SAFE"]; {
	case v.Job != nil:
		return []string{"the " + string(v.Job.Kind) + " that is under way ends"}
	case v.Tally == nil && safe > 0:
		return []string{fmt.Sprintf("nothing was replayed: the note speaks for %d transactions that could be", safe)}
	}
	return nil
}

// settleable finds the report of an order that works on it, and says why it cannot be carried out now.
func (d *decider) settleable(o Order) (*Divergence, error) {
	div := d.report(o.Report)
	switch {
	case div == nil:
		return nil, fmt.Errorf("%w: report %s of cluster %s; `regent report list` names them", ErrUnknownObject, o.Report, d.in.Spec.Name)
	case o.Reason == "":
		return nil, fmt.Errorf("%w: say why with --reason; it is recorded with every decision", ErrBadOrder)
	case div.State != DivergenceOpen && div.State != DivergenceSettled:
		return nil, refused("report %s is %s; it can be settled once it is open", div.ID, div.State)
	case div.Job != nil && (!div.Job.Waits || o.Kind != OrderReplay): // one that waits may be ordered anew, for less
		return nil, refused("the %s of report %s that %s ordered is not over", div.Job.Kind, div.ID, div.Job.By)
	case !d.here(div):
		return nil, div.elsewhere()
	}
	return div, d.calm()
}

// calm says why no report is settled right now.
func (d *decider) calm() error {
	if why := d.s.Restless(d.in.Spec); why != "" {
		return refused("%s", why)
	}
	if f := d.facts(d.s.Primary); f == nil || !f.Writable() {
		return refused("the primary %s is not reachable and writable", d.s.Primary)
	}
	return nil
}

// Restless says why nobody may settle a report of the cluster right now, or is empty: its primary may be about to be
// another one, or a person has stopped everything.
func (s *State) Restless(spec *policy.ClusterSpec) string {
	switch {
	case spec.Mode == policy.ModeObserve:
		return "mode of " + spec.Name + " is observe"
	case s.Paused != nil:
		return "automation of " + spec.Name + " is stopped: " + s.Paused.String()
	case s.Recovery != nil:
		return "recovery " + s.Recovery.ID + " is under way; wait until it ends"
	case s.Hold != nil:
		return spec.Name + " holds: " + s.Hold.Reason
	}
	return s.Isolated
}

func (d *decider) acceptReplay(p *Preview, o Order) error {
	div, err := d.settleable(o)
	switch {
	case err != nil:
		return err
	case div.State != DivergenceOpen:
		return refused("report %s is %s; it can be replayed while it is open", div.ID, div.State)
	case o.Settle == nil || o.Settle.Count == 0:
		return refused("nothing that the order means (%s) is left to replay of report %s", o.Settle, div.ID)
	}
	waits := d.in.Spec.Policy.Settle.NeedsApproval(o.Settle.Rows)
	p.Summary = fmt.Sprintf("replay %d transactions (%d rows) of report %s on %s", o.Settle.Count, o.Settle.Rows, div.ID, d.s.Primary)
	p.Changes = []string{"each as one transaction on " + d.s.Primary + ", only while its rows are as they were before the divergence"}
	if o.Settle.Forecast != nil {
		p.Changes = append(p.Changes, "as things stand: "+o.Settle.Forecast.String())
	}
	p.Risks = []string{"safe speaks of rows, not of business rules"}
	if !div.Complete {
		p.Risks = append(p.Risks, "the report is INCOMPLETE")
	}
	if waits {
		p.Risks = append(p.Risks, fmt.Sprintf("more than %d rows: it waits until another person runs `regent report approve %s`",
			d.in.Spec.Policy.Settle.ApproveAboveRows, div.ID))
	}
	div.Job = d.job(o, d.s.Primary, waits)
	decision := p.Summary + ": " + o.Settle.String()
	if waits {
		decision += "; it waits for the approval of another person"
	}
	d.event(Event{Kind: string(o.Kind), By: o.By, Decision: decision, Reason: o.Reason})
	return nil
}

// acceptAckPart records of a part of a report that a person settles it in another way.
func (d *decider) acceptAckPart(p *Preview, o Order) error {
	div, err := d.settleable(o)
	switch {
	case err != nil:
		return err
	case div.State != DivergenceOpen:
		return refused("report %s is %s; a part of it can be acknowledged while it is open", div.ID, div.State)
	case o.Settle.Count == 0:
		return refused("nothing that the order means (%s) is left to settle of report %s", o.Settle, div.ID)
	}
	p.Summary = fmt.Sprintf("acknowledge %d transactions of report %s: %s", o.Settle.Count, div.ID, o.Settle)
	p.Changes = []string{"they count as settled by the note; no server is touched"}
	div.Job = d.job(o, d.s.Primary, false)
	d.event(Event{Kind: "report", By: o.By, Decision: p.Summary, Reason: o.Reason})
	return nil
}

func (d *decider) job(o Order, server string, waits bool) *Job {
	j := &Job{ID: o.ID, Kind: o.Kind, Server: server, By: o.By, Reason: o.Reason, At: d.in.Now, Node: d.in.Node, Waits: waits}
	if o.Settle != nil {
		j.Settle = *o.Settle
		j.Settle.Forecast = nil
	}
	return j
}

func (d *decider) acceptRewind(p *Preview, o Order) error {
	div, err := d.settleable(o)
	if err != nil {
		return err
	}
	m, declared := d.s.Servers[o.Server]
	q := m.Quarantine
	switch {
	case !declared:
		return fmt.Errorf("%w: server %s in cluster %s", ErrUnknownObject, o.Server, d.in.Spec.Name)
	case q == nil || q.Divergence != div.ID:
		return refused("%s is not quarantined by report %s", o.Server, div.ID)
	case q.Torn:
		return refused("%s lost data in a rebuild that failed; rebuild it with `regent clone %s --from SERVER`", o.Server, o.Server)
	case !q.Fenced || d.facts(o.Server) == nil:
		return refused("%s is not reachable and fenced yet", o.Server)
	case m.Clone != nil:
		return refused("%s is being rebuilt from %s", o.Server, m.Clone.From)
	}
	if why := d.unreported(o.Server); why != "" {
		return refused("%s", why)
	}
	p.Summary = fmt.Sprintf("undo on %s the %d transactions that %s lacks", o.Server, q.Extra.Count(), d.s.Primary)
	p.Changes = []string{
		"all rows in one transaction, each as it was before the divergence, or none", o.Server + " forgets its binary log, and " + q.Extra.String(),
		"it then follows " + d.s.Primary,
	}
	div.Job = d.job(o, o.Server, false)
	d.member(o.Server, func(m *Member) {
		q := *m.Quarantine
		q.Rewinding = true
		m.Quarantine = &q
	})
	d.event(Event{Kind: string(o.Kind), By: o.By, Decision: p.Summary, Reason: o.Reason})
	return nil
}

func (d *decider) acceptApprove(p *Preview, o Order) error {
	div := d.report(o.Report)
	switch {
	case div == nil:
		return fmt.Errorf("%w: report %s of cluster %s; `regent report list` names them", ErrUnknownObject, o.Report, d.in.Spec.Name)
	case div.Job == nil || !div.Job.Waits:
		return refused("nothing of report %s waits for an approval", div.ID)
	case div.Job.By == o.By:
		return refused("%s ordered the replay; another person has to approve it", o.By)
	}
	job := div.Job
	p.Summary = fmt.Sprintf("let the replay of %d transactions (%d rows) of report %s begin, which %s ordered: %s",
		job.Settle.Count, job.Settle.Rows, div.ID, job.By, job.Reason)
	p.Changes = []string{"what it means: " + job.Settle.String()}
	job.Waits, job.Approved = false, o.By
	d.event(Event{Kind: string(o.Kind), By: o.By, Decision: "the replay of report " + div.ID + " that " + job.By + " ordered is approved", Reason: o.Reason})
	return nil
}

// rewinding tells whether a rewind works on the server.
func (d *decider) rewinding(server string) bool {
	return slices.ContainsFunc(d.s.Divergences, func(v Divergence) bool {
		return v.Job != nil && v.Job.Kind == OrderRewind && v.Job.Server == server
	})
}
