package failover

import (
	"slices"
	"strings"
)

// An override accepts that the primary which it replaces may write on. A candidate whose opening an earlier
// pass began is an earlier primary too (I1), and nobody was asked about that one: it takes evidence, or a
// recovery that holds and names it, and the override ordered again.

// disputed are the earlier writers that the open recovery needs evidence against.
func (d *decider) disputed() []AckGroup {
	r := d.s.Recovery
	if r.Kind != KindOverride {
		return r.Groups
	}
	return slices.DeleteFunc(slices.Clone(r.Groups), func(g AckGroup) bool { return d.accepted(g.Writer) })
}

// accepted tells whether a person has accepted that an earlier writer may write on.
func (d *decider) accepted(writer string) bool {
	r, o := d.s.Recovery, d.s.Override
	return r.Kind == KindOverride && (writer == r.Old || (o != nil && slices.Contains(o.Accepts, writer)))
}

// doubt says what is missing as evidence against one earlier writer, or "".
func (d *decider) doubt(g AckGroup) string {
	if d.semiSync() {
		return strings.Join(shortfall([]AckGroup{g}, d.counted, d.writerFenced), "; ")
	}
	e, why := d.processDead(g.Writer)
	if e != nil || d.writerFenced(g.Writer) || d.s.Recovery.lapsed(g.Writer) {
		return ""
	}
	return why
}

// suspects are the earlier writers that the open recovery lacks evidence against.
func (d *decider) suspects() []string {
	var out []string
	for _, g := range d.disputed() {
		if d.doubt(g) != "" && !slices.Contains(out, g.Writer) {
			out = append(out, g.Writer)
		}
	}
	return out
}

// unaccepted says of each of them what is missing.
func (d *decider) unaccepted() []string {
	var out []string
	for _, g := range d.disputed() {
		if why := d.doubt(g); why != "" {
			out = append(out, "proof that "+g.Writer+" writes no more ("+why+")")
		}
	}
	return out
}

// accepts are the earlier candidates that an override ordered now accepts as writers: those that the last
// one accepted, and those for which the open recovery holds.
func (d *decider) accepts() []string {
	r := d.s.Recovery
	if r == nil {
		return nil
	}
	var out []string
	if o := d.s.Override; o != nil {
		out = slices.Clone(o.Accepts)
	}
	if r.Stage == StageRevoke && d.s.Hold != nil {
		for _, name := range d.suspects() {
			if name != r.Old {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// halfDoneRisks says in a preview what is known of the candidates whose opening was begun before.
func (d *decider) halfDoneRisks(o Order, accepts []string) []string {
	r := d.s.Recovery
	if r == nil {
		return nil
	}
	var out []string
	for _, g := range r.Groups {
		switch w := g.Writer; {
		case w == r.Old || w == o.Server:
		case slices.Contains(accepts, w):
			out = append(out, "the opening of "+w+" was begun before, and nothing proves that it writes no more: it may hold writes that "+o.Server+" lacks")
		default:
			out = append(out, "the opening of "+w+" was begun before: the recovery holds unless there is evidence that it writes no more")
		}
	}
	return slices.Compact(out)
}
