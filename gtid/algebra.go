package gtid

import "slices"

// Union returns the transactions in either set.
func (s Set) Union(o Set) Set {
	return s.merge(o, true, true, spans.union)
}

// Intersect returns the transactions in both sets.
func (s Set) Intersect(o Set) Set {
	return s.merge(o, false, false, spans.intersect)
}

// Subtract returns the transactions of the receiver that o lacks.
func (s Set) Subtract(o Set) Set {
	return s.merge(o, true, false, spans.subtract)
}

// merge walks both sets in order. Blocks that only one side has are kept as
// keepLeft and keepRight say, those of both sides are joined.
func (s Set) merge(o Set, keepLeft, keepRight bool, join func(a, b spans) spans) Set {
	var out []block
	a, b := s.blocks, o.blocks
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].compare(b[0]); {
		case c < 0:
			if keepLeft {
				out = append(out, a[0])
			}
			a = a[1:]
		case c > 0:
			if keepRight {
				out = append(out, b[0])
			}
			b = b[1:]
		default:
			if joined := join(a[0].spans, b[0].spans); len(joined) > 0 {
				out = append(out, block{uuid: a[0].uuid, tag: a[0].tag, spans: joined})
			}
			a, b = a[1:], b[1:]
		}
	}
	if keepLeft {
		out = append(out, a...)
	}
	if keepRight {
		out = append(out, b...)
	}
	return Set{out}
}

// Add returns the set with one more transaction. UUID and tag must be in the
// form that Parse and ParseGTID produce.
func (s Set) Add(g GTID) Set { return s.Union(Of(g)) }

// Contains says whether o is a subset of the receiver; every set contains the
// empty one.
func (s Set) Contains(o Set) bool { return o.Subtract(s).IsEmpty() }

// ContainsGTID says whether the set holds the transaction.
func (s Set) ContainsGTID(g GTID) bool {
	i, found := slices.BinarySearchFunc(s.blocks, block{uuid: g.UUID, tag: g.Tag}, block.compare)
	return found && s.blocks[i].spans.contains(g.Seq)
}

// Equal says whether both sets hold the same transactions.
func (s Set) Equal(o Set) bool {
	return slices.EqualFunc(s.blocks, o.blocks, func(a, b block) bool {
		return a.compare(b) == 0 && slices.Equal(a.spans, b.spans)
	})
}

// Compare returns how the receiver relates to o. Two servers have diverged
// exactly when their executed sets compare as Diverged.
func (s Set) Compare(o Set) Order {
	switch more, fewer := s.Contains(o), o.Contains(s); {
	case more && fewer:
		return Equal
	case more:
		return Greater
	case fewer:
		return Less
	}
	return Diverged
}
