package failover

import (
	"fmt"
	"strings"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// acceptFailover opens a recovery that a person ordered: inside the home region by the ordinary
// rules, or across regions by an override that names the divergence it accepts.
func (d *decider) acceptFailover(p *Preview, o Order) error {
	q := d.question()
	q.Primary = d.replaced()
	if d.s.Recovery != nil {
		q.Prepared = d.s.Recovery.Prepared
	}
	if o.Override {
		q.AcceptRegion = o.Server
	}
	p.Candidates = policy.Candidates(q)
	if err := d.orderable(o); err != nil {
		return err
	}
	if o.Server != "" {
		for _, v := range p.Candidates {
			if v.Server == o.Server && !v.Eligible {
				return refused("%s %s%s", v.Server, v.Reason, d.overrideHint(o))
			}
		}
	} else if len(eligibleNames(p.Candidates)) == 0 {
		return refused("no server may be promoted: %s", rejections(p.Candidates))
	}
	diag := d.diagnose()
	if o.Override {
		return d.acceptOverride(p, o, diag)
	}
	return d.acceptAtHome(p, o, diag)
}

func (d *decider) orderable(o Order) error {
	_, known := d.in.Spec.Find(o.Server)
	switch {
	case d.s.Epoch == 0:
		return refused("cluster %s is not adopted yet", d.in.Spec.Name)
	case d.in.Spec.Mode == policy.ModeObserve:
		return refused("cluster %s is in mode observe, in which nothing is touched; apply mode: automatic first", d.in.Spec.Name)
	case d.s.Paused != nil:
		return refused("cluster %s is %s; `%s` ends that", d.in.Spec.Name, d.s.Paused, d.s.Paused.ends(d.in.Spec.Name))
	case o.Server != "" && !known:
		return fmt.Errorf("%w: server %s in cluster %s", ErrUnknownObject, o.Server, d.in.Spec.Name)
	case o.Server == d.replaced() && o.Server != "":
		return refused("%s is the primary already", o.Server)
	case d.s.Recovery != nil && d.s.Recovery.Stage != StageRevoke && !d.renewable(o):
		return refused("recovery %s is under way (%s towards %s)", d.s.Recovery.ID, d.s.Recovery.Stage, d.s.Recovery.Candidate)
	case o.Override && o.Server == "":
		return fmt.Errorf("%w: --override-region needs --to SERVER", ErrBadOrder)
	case o.Override && o.Reason == "":
		return fmt.Errorf("%w: --override-region needs --reason TEXT", ErrBadOrder)
	case o.Override && o.TTL <= 0:
		return fmt.Errorf("%w: --override-region needs --ttl, such as 15m", ErrBadOrder)
	case o.PoweredOff && o.Reason == "":
		return fmt.Errorf("%w: --powered-off needs --reason TEXT, such as who switched it off", ErrBadOrder)
	}
	if why := d.contradicted(); o.PoweredOff && why != "" {
		return refused("%s is not powered off: %s", d.s.Primary, why)
	}
	return nil
}

func (d *decider) overrideHint(o Order) string {
	if !o.Override && d.region(o.Server) != d.in.Spec.HomeRegion {
		return "; a person may override this with --override-region --reason TEXT --ttl 15m"
	}
	return ""
}

func (d *decider) acceptAtHome(p *Preview, o Order, diag topology.Diagnosis) error {
	// A primary that waits for nobody can be replaced without loss where it can be made read-only first.
	free := d.degraded() && d.facts(d.s.Primary) != nil
	if why := d.unknownGroups(); why != "" && !free {
		return refused("the loss of acknowledged writes is unknown, because %s%s", why, d.consentHint())
	}
	groups := d.groups()
	if missing := shortfall(groups, func(n string) (bool, string) { return d.counts(n, d.facts(n)) }, neverFenced); len(missing) > 0 && !free {
		return refused("acknowledged writes could be lost without %s", strings.Join(missing, "; "))
	}
	unseen := !d.semiSync() && d.facts(d.s.Primary) == nil
	lapsing, err := d.acceptUnseen(p, o, unseen)
	if err != nil {
		return err
	}
	if why := d.lacksAckers(p, o); why != "" {
		return refused("%s", why)
	}
	p.Summary = fmt.Sprintf("replace %s by %s inside region %s", d.s.Primary, orAny(o.Server), d.in.Spec.HomeRegion)
	p.Changes = []string{"make " + d.s.Primary + " read-only if it answers", "stop every receiver, collect every transaction, open the new primary"}
	r := Recovery{
		Kind: KindFailover, Reason: "ordered by " + o.By + ": " + orAny(o.Reason) + " (" + diag.Reason + ")", Groups: groups, Lapsing: lapsing, Loss: p.PossibleLoss,
	}
	if unseen {
		r.Seen = d.lastSeen(d.s.Primary)
	}
	if o.PoweredOff {
		word := p.Evidence[0]
		r.Stated = &word
	}
	d.startOrdered(r, o)
	return nil
}

// acceptUnseen judges an order to replace a primary under async durability that cannot be made read-only: either
// there is proof that it writes no more, or its guard has to see to that. What it wrote last is lost.
func (d *decider) acceptUnseen(p *Preview, o Order, unseen bool) (lapsing bool, err error) {
	if o.PoweredOff {
		p.Evidence = append(p.Evidence, operatorEvidence(d.s.Primary, o.By, o.Reason, true, o.At))
		p.Risks = append(p.Risks, fmt.Sprintf("that %s is powered off is the word of %s: if it is not, both sides take writes that the other lacks", d.s.Primary, o.By))
	}
	if !unseen {
		return false, nil
	}
	dead, _ := d.processDead(d.s.Primary)
	if dead != nil {
		p.Evidence = append(p.Evidence, *dead)
	}
	lapsing = dead == nil && !o.PoweredOff
	if why := d.lapsable(p.Candidates, o.Server); lapsing && why != "" {
		hint := ""
		if d.guardWanted() {
			hint = ", and its lease proves nothing: " + why
		}
		return false, refused("%s cannot be made read-only: it is not reachable%s; who knows that it is powered off can say so with --powered-off --reason TEXT", d.s.Primary, hint)
	}
	p.PossibleLoss = d.estimateLoss()
	if limit := d.in.Spec.Policy.MaxLostTransactions; p.PossibleLoss < 0 || p.PossibleLoss > limit {
		return false, refused("the possible loss of %s is above max_lost_transactions (%d)%s", lossWord(p.PossibleLoss), limit, d.acceptLossHint())
	}
	until := ""
	if lapsing {
		until = fmt.Sprintf(", until its lease lapses within %s,", d.lapseWait())
	}
	p.Risks = append(p.Risks, fmt.Sprintf("%s cannot be seen: what it wrote since%s is lost to the new primary, and reported when it returns", d.s.Primary, until))
	return lapsing, nil
}

// lacksAckers says why no candidate would have enough ackers to open, or "". A primary that serves is not
// given up for one that cannot.
func (d *decider) lacksAckers(p *Preview, o Order) string {
	required := d.in.Spec.Policy.SemiSync.Required
	why := ""
	for _, name := range eligibleNames(p.Candidates) {
		ackers := 0
		for _, acker := range d.ackersWanted(name) {
			if d.facts(acker) != nil {
				ackers++
			}
		}
		switch {
		case o.Server != "" && o.Server != name:
		case !d.semiSync() || ackers >= required || d.facts(d.replaced()) == nil:
			return ""
		default:
			why = fmt.Sprintf("%s would have %d of the %d ackers that it needs to open; start or rebuild servers of its region first", name, ackers, required)
		}
	}
	return why
}

func orAny(s string) string {
	if s == "" {
		return "the best candidate"
	}
	return s
}

// acceptOverride is the one exception to I1 and I2: it says what will diverge, and it is used up by
// the recovery that it opens.
func (d *decider) acceptOverride(p *Preview, o Order, diag topology.Diagnosis) error {
	old, accepts := d.replaced(), d.accepts()
	p.PossibleLoss = -1 // a primary that nobody sees may go on writing
	if d.facts(d.s.Primary) != nil && d.facts(old) != nil && len(accepts) == 0 {
		p.PossibleLoss = d.estimateLoss()
	}
	p.Summary = fmt.Sprintf("promote %s in region %s though the home region is %s", o.Server, d.region(o.Server), d.in.Spec.HomeRegion)
	if d.region(o.Server) == d.in.Spec.HomeRegion {
		p.Summary = fmt.Sprintf("promote %s on the word of %s, without evidence that %s writes no more", o.Server, o.By, d.s.Primary)
	}
	p.Changes = []string{"stop the receivers of every server that answers, collect what they hold, open " + o.Server + " in a new epoch"}
	if d.facts(d.s.Primary) == nil {
		p.Risks = append(
			p.Risks,
			d.unseenRisk(o),
			fmt.Sprintf("writes that only region %s has are captured and reported after it returns; as last seen: %s", d.in.Spec.HomeRegion, lossWord(d.estimateLoss())),
		)
	}
	p.Evidence = append(p.Evidence, operatorEvidence(old, o.By, o.Reason, o.PoweredOff, o.At))
	for _, name := range accepts {
		p.Evidence = append(p.Evidence, operatorEvidence(name, o.By, o.Reason, false, o.At))
	}
	p.Risks = append(p.Risks, d.halfDoneRisks(o, accepts)...)
	if e, _ := d.processDead(d.s.Primary); e != nil {
		p.Evidence = append(p.Evidence, *e)
	}
	if e, _ := d.oldLapsed(); e != nil {
		p.Evidence = append(p.Evidence, *e)
	}
	renewed := d.renewable(o)
	d.s.Override = &Override{
		ID: o.ID, Target: o.Server, Region: true, PoweredOff: o.PoweredOff, Reason: o.Reason, By: o.By, At: o.At,
		Expires: d.in.Now.Add(o.TTL), Accepts: accepts,
	}
	d.event(Event{Kind: "override", By: o.By, Decision: "promotion of " + o.Server + " outside the home region permitted once", Reason: o.Reason, Candidates: p.Candidates})
	if renewed {
		d.s.Hold = nil
		return nil
	}
	d.startOrdered(Recovery{
		Kind: KindOverride, Reason: "override by " + o.By + ": " + o.Reason + " (" + diag.Reason + ")", Groups: d.groups(), Loss: p.PossibleLoss,
	}, o)
	return nil
}

// oldLapsed is the evidence that the old side has gone read-only by itself, or why there is none.
func (d *decider) oldLapsed() (*Evidence, string) {
	if d.facts(d.s.Primary) != nil || d.s.Recovery != nil {
		return nil, ""
	}
	return d.cutLapsed()
}

// unseenRisk says what a primary that cannot be seen may still do.
func (d *decider) unseenRisk(o Order) string {
	e, why := d.oldLapsed()
	switch {
	case o.PoweredOff:
		return fmt.Sprintf("that %s is powered off is the word of %s: if it is not, both sides then hold writes that the other lacks", d.s.Primary, o.By)
	case e != nil:
		return d.s.Primary + " cannot be seen; its lease has lapsed, so it takes no more writes, and holds those that it took until then"
	case d.guardWanted() && why != "":
		return d.s.Primary + " cannot be seen and may go on taking writes (" + why + "): both sides then hold writes that the other lacks"
	}
	return d.s.Primary + " cannot be seen and may go on taking writes: both sides then hold writes that the other lacks"
}

// overrideExpired ends what an override that has expired had begun. Once the new epoch stands there is
// nothing to undo: its primary stays closed until somebody orders it again.
func (d *decider) overrideExpired() bool {
	r, o := d.s.Recovery, d.s.Override
	if r.Kind != KindOverride || o == nil || !d.in.Now.After(o.Expires) {
		return false
	}
	switch {
	case r.Stage == StageAbort:
		return false
	case !d.named():
		d.abort("the override " + o.ID + " has expired")
		d.emitPending()
		return true
	}
	if d.openedInTime() {
		return false
	}
	d.hold("hold", nil, nil, "the override %s has expired before %s was opened; order it again", o.ID, o.Target)
	return true
}

// openedInTime tells whether the opening that an override permits was asked for before that expired, and is done: by its
// outcome, or where that was lost with its leader, by what the server shows. What was begun is then finished: to hold
// would leave another writer beside it.
func (d *decider) openedInTime() bool {
	r := d.s.Recovery
	step, f := r.step(ActOpen, r.Candidate), d.facts(r.Candidate)
	return step != nil && (step.State == StepDone || (f != nil && f.Writable()))
}

// renewable tells whether an order gives an expired override of the open recovery another time, or
// takes that recovery over to promote a server at home.
func (d *decider) renewable(o Order) bool {
	r, old := d.s.Recovery, d.s.Override
	return r != nil && r.Kind == KindOverride && d.named() && old != nil && d.in.Now.After(old.Expires) &&
		(!o.Override || o.Server == old.Target)
}

// startOrdered opens the recovery; the actions follow with the next decision, after the commit.
func (d *decider) startOrdered(r Recovery, o Order) {
	r.By, r.Ordered = o.By, o.Server
	d.openRecovery(&r)
	d.actions = nil
}
