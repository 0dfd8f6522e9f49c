package gtid

import (
	"cmp"
	"slices"
	"strconv"
)

// span is a closed interval of sequence numbers; first is at least 1 and never
// above last, and last never above MaxSeq, so last+1 does not overflow.
type span struct{ first, last uint64 }

// spans is ascending, and between two of its members a number is missing.
type spans []span

// normalized sorts spans in any order and joins those that overlap or touch. It
// works in the memory of its argument.
func normalized(in spans) spans {
	slices.SortFunc(in, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	out := in[:0]
	for _, s := range in {
		if n := len(out); n > 0 && s.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, s.last)
			continue
		}
		out = append(out, s)
	}
	return out
}

func (a spans) union(b spans) spans { return normalized(slices.Concat(a, b)) }

func (a spans) intersect(b spans) spans {
	var out spans
	for len(a) > 0 && len(b) > 0 {
		first, last := max(a[0].first, b[0].first), min(a[0].last, b[0].last)
		if first <= last {
			out = append(out, span{first, last})
		}
		if a[0].last < b[0].last {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

func (a spans) subtract(b spans) spans {
	var out spans
	for _, s := range a {
		for len(b) > 0 && b[0].last < s.first {
			b = b[1:]
		}
		for _, cut := range b {
			if cut.first > s.last || s.first > s.last {
				break
			}
			if s.first < cut.first {
				out = append(out, span{s.first, cut.first - 1})
			}
			s.first = cut.last + 1
		}
		if s.first <= s.last {
			out = append(out, s)
		}
	}
	return out
}

func (a spans) contains(seq uint64) bool {
	i, found := slices.BinarySearchFunc(a, seq, func(s span, n uint64) int { return cmp.Compare(s.first, n) })
	return found || i > 0 && seq <= a[i-1].last
}

func (a spans) count() uint64 {
	var n uint64
	for _, s := range a {
		n += s.last - s.first + 1
	}
	return n
}

func (s span) appendTo(text []byte) []byte {
	text = strconv.AppendUint(append(text, ':'), s.first, 10)
	if s.last > s.first {
		text = strconv.AppendUint(append(text, '-'), s.last, 10)
	}
	return text
}
