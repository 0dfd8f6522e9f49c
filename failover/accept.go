package failover

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// PreviewOrder says what an order would do, or why it is refused. Nothing is changed.
func PreviewOrder(s State, in Input, o Order) (Preview, error) {
	d := &decider{in: in, s: clone(s)}
	d.enterTerm()
	p := Preview{Order: o}
	if err := d.accept(&p, o); err != nil {
		return Preview{}, err
	}
	p.Fingerprint = d.fingerprint(s, o, p)
	return p, nil
}

// Accept returns the state and history after an order. A refusal returns its error together with a
// decision that only records it.
func Accept(s State, in Input, o Order) (Decision, error) {
	d := &decider{in: in, s: clone(s)}
	d.s.Cluster = in.Spec.Name
	d.enterTerm()
	var p Preview
	if err := d.accept(&p, o); err != nil {
		record := &decider{in: in, s: clone(s)}
		record.s.Cluster = in.Spec.Name
		record.event(Event{Kind: "refusal", By: o.By, Decision: string(o.Kind) + " was refused", Reason: err.Error(), Candidates: p.Candidates})
		return Decision{Next: record.s, Events: record.events, Reason: err.Error()}, err
	}
	d.noteClock()
	return Decision{Next: d.s, Events: d.events, Reason: p.Summary}, nil
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// accept applies the order to the decider's copy of the state and describes it in the preview.
func (d *decider) accept(p *Preview, o Order) error {
	switch o.Kind {
	case OrderFailover:
		return d.acceptFailover(p, o)
	case OrderClone:
		return d.acceptClone(p, o)
	case OrderAck:
		return d.acceptAck(p, o)
	case OrderRelease:
		return d.acceptRelease(p, o)
	case OrderPause, OrderMaintenance:
		return d.acceptPause(p, o)
	case OrderResume, OrderMaintenanceEnd:
		return d.acceptResume(p, o)
	case OrderAckReport:
		return d.acceptAckReport(p, o)
	case OrderReplay:
		return d.acceptReplay(p, o)
	case OrderRewind:
		return d.acceptRewind(p, o)
	case OrderApprove:
		return d.acceptApprove(p, o)
	}
	return fmt.Errorf("%w: unknown order %q", ErrBadOrder, o.Kind)
}

func (d *decider) acceptRelease(p *Preview, o Order) error {
	if d.s.Hold == nil {
		return refused("%s holds nothing", d.in.Spec.Name)
	}
	p.Summary = "end the hold of " + d.in.Spec.Name + ": " + d.s.Hold.Reason
	p.Risks = []string{"what caused the hold is looked at anew: it comes back if it still stands"}
	d.event(Event{Kind: "release", By: o.By, Decision: "hold ended by " + o.By, Reason: d.s.Hold.Reason})
	d.s.Hold = nil
	if d.s.Lost != nil {
		d.s.Lost = &Loss{At: d.s.Lost.At, Term: d.s.Lost.Term, Over: d.s.Lost.Over}
	}
	return nil
}

func (d *decider) acceptAckReport(p *Preview, o Order) error {
	if o.partial() {
		return d.acceptAckPart(p, o)
	}
	div := d.report(o.Report)
	switch {
	case div == nil:
		return fmt.Errorf("%w: report %s of cluster %s; `regent report list` names them", ErrUnknownObject, o.Report, d.in.Spec.Name)
	case o.Reason == "":
		return fmt.Errorf("%w: an acknowledgement needs a note; say what was settled with --note", ErrBadOrder)
	case div.State != DivergenceOpen && div.State != DivergenceSettled:
		return refused("report %s is %s; it can be acknowledged once it is open", div.ID, div.State)
	}
	if why := div.unsettled(); why != "" && !o.rest() {
		return refused("%s", why)
	}
	p.Summary = fmt.Sprintf("settle report %s with %d transactions (%s)", div.ID, div.Transactions, classes(div.ByClass))
	p.Changes, p.Risks = div.standing(), div.left()
	if !div.Complete {
		p.Risks = append(p.Risks, "the report is INCOMPLETE")
	}
	div.State, div.Acked, div.Note, div.SettledAt = DivergenceSettled, o.By, o.Reason, d.in.Now
	d.event(Event{Kind: "report", By: o.By, Decision: "report " + div.ID + " settled", Reason: o.Reason})
	return nil
}

func (d *decider) acceptClone(p *Preview, o Order) error {
	recipient, known := d.in.Spec.Find(o.Server)
	donor, donorKnown := d.in.Spec.Find(o.From)
	m := d.s.Servers[o.Server]
	fd := d.facts(o.From)
	switch {
	case !known:
		return fmt.Errorf("%w: server %s in cluster %s", ErrUnknownObject, o.Server, d.in.Spec.Name)
	case !donorKnown:
		return fmt.Errorf("%w: donor %s in cluster %s; name one of its servers with --from", ErrUnknownObject, o.From, d.in.Spec.Name)
	case o.Server == d.s.Primary || o.Server == o.From:
		return refused("%s cannot be rebuilt: it is the primary or its own donor", o.Server)
	case d.s.Recovery != nil && d.s.Recovery.Stage != StageOpen:
		return refused("a recovery is under way; wait until it ends")
	case d.facts(o.Server) == nil:
		return refused("%s is not reachable: start it first", o.Server)
	case fd == nil:
		return refused("the donor %s is not reachable", o.From)
	case d.s.Servers[o.From].Quarantine != nil:
		return refused("the donor %s is quarantined", o.From)
	case m.Clone != nil:
		return refused("%s is already being rebuilt from %s", o.Server, m.Clone.From)
	case d.rewinding(o.Server):
		return refused("%s is being rewound; wait until that ends", o.Server)
	}
	if why := d.unreported(o.Server); why != "" {
		return refused("%s", why)
	}
	p.Summary = fmt.Sprintf("replace all data of %s by a copy of %s", o.Server, o.From)
	p.Changes = []string{o.Server + ": CLONE INSTANCE FROM " + o.From + ", restart, replicate from " + d.s.Primary}
	if donor.Region != recipient.Region {
		p.Risks = append(p.Risks, d.nearerDonor(recipient))
	}
	d.member(o.Server, func(m *Member) { m.Clone = &CloneJob{ID: o.ID, From: o.From, By: o.By, At: d.in.Now} })
	d.event(Event{Kind: "clone", By: o.By, Decision: "rebuild " + o.Server + " from " + o.From, Reason: o.Reason})
	return nil
}

// unreported says why a server's data may not be destroyed yet, or "".
func (d *decider) unreported(server string) string {
	m := d.s.Servers[server]
	f := d.facts(server)
	fp := d.primaryFacts()
	if m.Quarantine == nil {
		if fp == nil || !d.extras(f, fp).IsEmpty() {
			return server + " may hold transactions that are in no report yet; wait for its report"
		}
		return ""
	}
	div := d.report(m.Quarantine.Divergence)
	extra := m.Quarantine.Extra
	if fp != nil {
		extra = extra.Union(d.extras(f, fp)) // somebody may have written on it since
	}
	if div == nil && m.Quarantine.Torn && fp != nil && extra.IsEmpty() {
		return "" // it was clean before its rebuild failed
	}
	if div == nil || (div.State != DivergenceOpen && div.State != DivergenceSettled) || !div.Captured.Contains(extra) {
		return server + "'s extra transactions are not captured and reported yet; `regent report list` shows how far that is"
	}
	if !div.Complete {
		return "report " + div.ID + " is INCOMPLETE: the data of " + server + " is the only copy of what it lacks"
	}
	return ""
}

func (d *decider) nearerDonor(recipient policy.ServerSpec) string {
	for _, name := range d.in.Spec.InRegion(recipient.Region) {
		if name != recipient.Name && d.facts(name) != nil && d.s.Servers[name].Quarantine == nil {
			return "the copy crosses regions, though " + name + " is clean and in region " + recipient.Region
		}
	}
	return "the copy crosses regions: no clean donor is in region " + recipient.Region
}

// fingerprint hashes what a confirmation is bound to.
func (d *decider) fingerprint(before State, o Order, p Preview) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s|%s|%s|%s|%s|%t|", o.Kind, o.Cluster, o.Server, o.From, o.Report, o.Override)
	if o.PoweredOff {
		_, _ = fmt.Fprint(h, "powered off|")
	}
	if o.Settle != nil {
		_, _ = fmt.Fprintf(h, "%s|%d|%d|%t|", o.Settle, o.Settle.Count, o.Settle.Rows, o.Settle.Rest)
	}
	for _, v := range before.Divergences {
		if v.ID == o.Report && v.Job != nil {
			_, _ = fmt.Fprintf(h, "%s|%t|", v.Job.ID, v.Job.Waits)
		}
	}
	_, _ = fmt.Fprintf(h, "%d|%s|%t|%t|", before.Epoch, before.Primary, before.Recovery != nil, before.Paused != nil)
	var reach []string
	for _, s := range d.in.Spec.Servers {
		reach = append(reach, fmt.Sprintf("%s=%t", s.Name, d.facts(s.Name) != nil))
	}
	slices.Sort(reach)
	kinds := make([]string, 0, len(p.Evidence))
	for _, e := range p.Evidence {
		kinds = append(kinds, string(e.Kind))
	}
	_, _ = fmt.Fprintf(h, "%s|%s", strings.Join(reach, ","), strings.Join(kinds, ","))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// diagnose is the diagnosis of the current primary.
func (d *decider) diagnose() topology.Diagnosis {
	return topology.Diagnose(&d.in.View, topology.Question{Primary: d.s.Primary, Ackers: d.witnesses(), HangAfter: d.hangAfter()})
}
