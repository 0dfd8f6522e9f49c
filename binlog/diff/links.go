package diff

import "strconv"

// link is what is kept of a state that an update of the primary key joined with others: the way to the state that
// stands for all of them, and there how many of them did not end as they began.
type link struct{ n, up, differs int }

func (d *Divergence) link(state int) link {
	n, ok := d.links.Find(strconv.Itoa(state))
	if !ok {
		return link{n: -1, up: state}
	}
	r := NewReader(d.links.Value(n))
	return link{n: n, up: r.Int(), differs: r.Int()}
}

func (d *Divergence) keepLink(l link) {
	var buf [24]byte
	d.links.Set(l.n, Record(buf[:0]).Int(l.up).Int(l.differs))
}

// root returns the state that stands for all that are joined with this one.
func (d *Divergence) root(state int) (root int, l link) {
	l = d.link(state)
	for steps := 0; l.up != state && steps <= d.links.Len(); steps++ {
		above := d.link(l.up)
		if above.up != l.up {
			l.up = above.up // Shortens the way for the next.
			d.keepLink(l)
		}
		state, l = l.up, d.link(l.up)
	}
	return state, l
}

// differ changes how many of the states that are joined with one did not end as they began.
func (d *Divergence) differ(state, by int) {
	if by == 0 {
		return
	}
	_, l := d.root(state)
	l.differs += by
	d.keepLink(l)
}

// join notes that an update moved a row from one key to the other.
func (d *Divergence) join(from, to int) {
	for _, n := range []int{from, to} {
		if s := d.State(n); !s.linked {
			s.linked = true
			d.Keep(s)
			at, _ := d.links.Add(strconv.Itoa(n))
			d.keepLink(link{n: at, up: n, differs: s.difference()})
		}
	}
	a, above := d.root(from)
	b, below := d.root(to)
	if a == b {
		return
	}
	below.differs += above.differs
	d.keepLink(below)
	above.up = b
	d.keepLink(above)
}

// Undone says that the old side left the row as it found it, and likewise every row that a change of the primary key
// joins with it.
func (d *Divergence) Undone(s *State) bool {
	if !s.linked {
		return s.difference() == 0
	}
	_, l := d.root(s.Number)
	return l.differs == 0
}
