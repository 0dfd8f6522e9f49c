package diff

import (
	"hash/maphash"
	"slices"

	"github.com/regentdb/regent/binlog/decode"
)

// sieve tells the rows of a table that the old side cannot have met from those that it may have, by as few values as it
// can.
type sieve struct {
	// all says that every row counts, as keys of the table are spelled in ways that only the server can compare.
	all bool
	key net
	// content is the beginning of what an inserted row would share with a row of the old side that it repeats, and
	// unique are its tuples under unique keys. Nets that would hold nothing are left out.
	content *net
	unique  []*net
	seed    maphash.Seed
	text    []byte
}

// net holds back rows by the values of some columns.
type net struct {
	parts []part
	// nulls says that NULL is a value.
	nulls bool
	has   marks
}

// part is a column of a net.
type part struct {
	Column

	index             int
	pads, ignoresCase bool
	// folds says that texts are folded, plain that this tells printable ASCII only, so that the net holds all else.
	folds, plain bool
}

// holds says whether the row has to be looked at as a whole.
func (s *sieve) holds(c *decode.Change) bool {
	if s.all || c.Before != nil && s.meets(&s.key, c.Before) {
		return true
	}
	if c.After == nil {
		return false
	}
	if moved := c.Before == nil || !s.key.same(c.Before, c.After); moved && s.meets(&s.key, c.After) {
		return true
	}
	return c.Op == decode.Insert && s.repeats(c.After)
}

// repeats says whether an inserted row may repeat one of the old side.
func (s *sieve) repeats(image *decode.Image) bool {
	if s.content != nil && s.meets(s.content, image) {
		return true
	}
	for _, u := range s.unique {
		if s.meets(u, image) {
			return true
		}
	}
	return false
}

// meets says whether a row of the old side may have the values that the image has in the columns of the net. Values that
// cannot be read meet everything, and an image without one of the values meets nothing.
func (s *sieve) meets(n *net, image *decode.Image) bool {
	text := s.text[:0]
	for i := range n.parts {
		p := &n.parts[i]
		begin := len(text)
		kind, longer, err := image.AppendText(text, p.index)
		switch {
		case err != nil:
			return true
		case kind == decode.Absent || kind == decode.Null && !n.nulls:
			return false
		}
		if text = longer; p.plain && !printable(text[begin:]) {
			return true
		}
		text = p.end(text, begin)
	}
	s.text = text
	return n.has.has(maphash.Bytes(s.seed, text))
}

// add lets the net hold rows with the values, which are in the order of its columns.
func (s *sieve) add(n *net, values []decode.Value) {
	s.text = s.text[:0]
	for i, v := range values {
		begin := len(s.text)
		s.text = n.parts[i].end(append(s.text, v.Text...), begin)
	}
	n.has.add(maphash.Bytes(s.seed, s.text))
}

// addRow is add with the values of a row.
func (s *sieve) addRow(n *net, row []decode.Value) {
	values := make([]decode.Value, 0, len(n.parts))
	for _, p := range n.parts {
		values = append(values, row[p.index])
	}
	s.add(n, values)
}

// end ends a value that was appended from begin on, so that values come out the same where they are equal.
func (p *part) end(text []byte, begin int) []byte {
	if p.folds {
		text = p.foldFrom(text, begin)
	}
	length := len(text) - begin
	return append(text, byte(length), byte(length>>8), byte(length>>16), byte(length>>24))
}

// foldFrom folds the text from begin on in place.
func (p *part) foldFrom(text []byte, begin int) []byte {
	if !printable(text[begin:]) {
		return append(text[:begin], p.folded(string(text[begin:]))...)
	}
	for p.pads && len(text) > begin && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	for i := begin; p.ignoresCase && i < len(text); i++ {
		if c := text[i]; c >= 'A' && c <= 'Z' {
			text[i] = c + ('a' - 'A')
		}
	}
	return text
}

// same says whether two images store the same bytes in all columns of the net.
func (n *net) same(a, b *decode.Image) bool {
	for i := range n.parts {
		kindA, rawA := a.Raw(n.parts[i].index)
		kindB, rawB := b.Raw(n.parts[i].index)
		if kindA != kindB || string(rawA) != string(rawB) {
			return false
		}
	}
	return true
}

// marks remember hashes in little memory. They may know one that was never added, and forget none.
type marks struct{ words []uint64 }

// Marks take a word of 64 bits for two hashes, which is 4 MiB at most in all tables together.
const (
	fewestWords = 64
	mostWords   = 1 << 19
)

// newMarks returns marks for so many hashes in a table, of all.
func newMarks(count, all int) marks {
	words, most := fewestWords, int(mostWords*int64(count)/int64(all))
	for words < count/2 && words*2 <= most {
		words *= 2
	}
	return marks{make([]uint64, words)}
}

func (m marks) empty() bool {
	return !slices.ContainsFunc(m.words, func(word uint64) bool { return word != 0 })
}

func (m marks) place(hash uint64) (word *uint64, bits uint64) {
	return &m.words[hash&uint64(len(m.words)-1)], 1<<(hash>>58) | 1<<(hash>>52&63) | 1<<(hash>>46&63)
}

func (m marks) add(hash uint64) {
	word, bits := m.place(hash)
	*word |= bits
}

func (m marks) has(hash uint64) bool {
	word, bits := m.place(hash)
	return *word&bits == bits
}

// printable says whether a text is printable ASCII.
func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
