package gtid

import (
	"cmp"
	"iter"
	"slices"
)

// Set is a set of GTIDs. It is an immutable value; the zero value is the empty
// set. Sets are compared with Equal, which go-cmp uses too.
type Set struct {
	// blocks ascends by UUID and tag; no block is empty.
	blocks []block
}

// block holds the transactions of one UUID and tag.
type block struct {
	uuid, tag string
	spans     spans
}

func (b block) compare(o block) int {
	return cmp.Or(cmp.Compare(b.uuid, o.uuid), cmp.Compare(b.tag, o.tag))
}

// Order is the relation of two sets: they are partially ordered by inclusion.
type Order int

const (
	// Diverged says that each set has a transaction that the other lacks.
	Diverged Order = iota
	// Less says that the receiver is a proper subset.
	Less
	// Equal says that both hold the same transactions.
	Equal
	// Greater says that the receiver is a proper superset.
	Greater
)

// String returns the name of the relation in lower case.
func (o Order) String() string {
	switch o {
	case Less:
		return "less"
	case Equal:
		return "equal"
	case Greater:
		return "greater"
	case Diverged:
		return "diverged"
	}
	return "unknown"
}

// Of returns the set of the given GTIDs. UUID and tag must be in the form that
// Parse and ParseGTID produce.
func Of(gtids ...GTID) Set {
	blocks := make([]block, 0, len(gtids))
	for _, g := range gtids {
		blocks = append(blocks, block{uuid: g.UUID, tag: g.Tag, spans: spans{{g.Seq, g.Seq}}})
	}
	return setOf(blocks)
}

// setOf builds a set of blocks in any order, joining those of one UUID and tag.
// It takes over the memory of its argument.
func setOf(blocks []block) Set {
	slices.SortStableFunc(blocks, block.compare)
	var out []block
	for _, b := range blocks {
		if n := len(out); n > 0 && out[n-1].compare(b) == 0 {
			out[n-1].spans = append(out[n-1].spans, b.spans...)
		} else if len(b.spans) > 0 {
			out = append(out, b)
		}
	}
	for i := range out {
		out[i].spans = normalized(out[i].spans)
	}
	return Set{out}
}

// String returns the canonical text: what the server prints, without line breaks.
func (s Set) String() string {
	var text []byte
	for i, b := range s.blocks {
		if i == 0 || s.blocks[i-1].uuid != b.uuid {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(text, b.uuid...)
		}
		if b.tag != "" {
			text = append(append(text, ':'), b.tag...)
		}
		for _, sp := range b.spans {
			text = sp.appendTo(text)
		}
	}
	return string(text)
}

// MarshalText returns the canonical text, so that JSON shows a set as a string.
func (s Set) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText; its errors are those of Parse.
func (s *Set) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// IsEmpty says whether the set holds no transaction.
func (s Set) IsEmpty() bool { return len(s.blocks) == 0 }

// Count returns the number of transactions.
func (s Set) Count() uint64 {
	var n uint64
	for _, b := range s.blocks {
		n += b.spans.count()
	}
	return n
}

// UUIDs returns the servers that the transactions came from, ascending.
func (s Set) UUIDs() []string {
	var out []string
	for _, b := range s.blocks {
		if n := len(out); n == 0 || out[n-1] != b.uuid {
			out = append(out, b.uuid)
		}
	}
	return out
}

// All iterates over every transaction, by UUID, tag and sequence number.
func (s Set) All() iter.Seq[GTID] {
	return func(yield func(GTID) bool) {
		for _, b := range s.blocks {
			for _, sp := range b.spans {
				for seq := sp.first; seq <= sp.last; seq++ {
					if !yield(GTID{UUID: b.uuid, Tag: b.tag, Seq: seq}) {
						return
					}
				}
			}
		}
	}
}
