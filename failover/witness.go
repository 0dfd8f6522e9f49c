package failover

import "github.com/regentdb/regent/topology"

// Witness is what was seen of a server's boots. It proves that the next boot comes up read-only where a boot
// with the same start configuration was seen to, and every answer since says that this is still so.
type Witness struct {
	// Boot is the last boot that a decision saw, made by the leader of Term.
	Boot topology.Boot `json:"boot,omitzero"`
	Term uint64        `json:"term,omitempty"`
	// Start is the start configuration with which a boot was seen to come up read-only and without
	// replication; empty: none was, or an answer has contradicted it since.
	Start string `json:"start,omitempty"`
}

// witness looks at the boots of every server that answers.
func (d *decider) witness() {
	for _, s := range d.in.Spec.Servers {
		f, w := d.facts(s.Name), d.s.Servers[s.Name].Witness
		if f == nil {
			continue
		}
		if next := w.after(f, d.in.Term); next != w {
			d.member(s.Name, func(m *Member) { m.Witness = next })
		}
	}
}

// after is what is known after an answer in a term.
func (w Witness) after(f *topology.Facts, term uint64) Witness {
	next := Witness{Boot: f.Boot, Term: term, Start: w.Start}
	closed := f.ReadOnly() && (f.Source == nil || f.Source.Receiver == topology.ThreadOff)
	switch {
	case !f.BootsReadOnly():
		next.Start = ""
	case w.Boot.Same(f.Boot):
		next.Boot = steadyBoot(w.Boot, f.Boot)
	case closed && w.Term == term && !w.Boot.IsZero():
		// This leader saw the boot before: nobody but the server itself has closed this one.
		next.Start = f.Start
	case !closed || f.Start != w.Start:
		next.Start = ""
	}
	return next
}

// Unproven says why a server is not known to boot read-only, by its last answer, or "".
func (w Witness) Unproven(f *topology.Facts) string { return w.proven(f) }

// proven tells whether the server is known to boot read-only, by its last answer.
func (w Witness) proven(f *topology.Facts) (why string) {
	switch {
	case !f.BootsReadOnly():
		return "it is not known to boot read-only"
	case w.Start == "":
		return "no boot of it was seen to come up read-only; restart it once under regent's eyes"
	case f.Start != w.Start:
		return "it was started in another way than when it was seen to boot read-only"
	}
	return ""
}
