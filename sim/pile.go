package sim

import "github.com/regentdb/regent/gtid"

// pile is a set of transactions that is often added to and seldom looked at as a whole.
type pile struct {
	whole gtid.Set
	fresh []gtid.GTID
}

func pileOf(s gtid.Set) pile { return pile{whole: s} }

func (p *pile) add(g gtid.GTID) {
	p.fresh = append(p.fresh, g)
	if len(p.fresh) >= 32 {
		p.set()
	}
}

func (p *pile) has(g gtid.GTID) bool {
	for i := len(p.fresh) - 1; i >= 0; i-- {
		if p.fresh[i] == g {
			return true
		}
	}
	return p.whole.ContainsGTID(g)
}

// set is the whole set.
func (p *pile) set() gtid.Set {
	if len(p.fresh) > 0 {
		p.whole, p.fresh = p.whole.Union(gtid.Of(p.fresh...)), p.fresh[:0]
	}
	return p.whole
}
