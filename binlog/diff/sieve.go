package diff

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
	"strings"

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
	// repeatable says whether rows of the table may repeat each other by their content.
	repeatable bool
	seed       maphash.Seed
	text       []byte
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

	index int
	form  form
	// plain says that folding tells printable ASCII only, so that the net holds all else.
	plain, pads, ignoresCase bool
}

// form is what of a value goes into the hash: the cheapest that is the same for values that are equal.
type form uint8

const (
	// number is an integer.
	number form = iota
	// stored is the bytes of a string, without zeros at the end.
	stored
	// folded is a text that may be spelled in other ways.
	folded
	// spelled is the text of a value of any other kind.
	spelled
)

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
	hash := uint64(0)
	for i := range n.parts {
		p := &n.parts[i]
		kind, value, known := s.value(p, image)
		switch {
		case !known:
			return true
		case kind == decode.Absent || kind == decode.Null && !n.nulls:
			return false
		}
		hash = mixed(hash, value)
	}
	return n.has.has(hash)
}

// value is what of an image's value goes into the hash; not known where the net cannot tell.
func (s *sieve) value(p *part, image *decode.Image) (kind decode.Kind, value uint64, known bool) {
	switch p.form {
	case number:
		kind, value = image.Integer(p.index)
		return kind, value, true
	case stored:
		kind, raw := image.Raw(p.index)
		return kind, s.bytes(raw), true
	case folded, spelled:
	}
	kind, text, err := image.AppendText(s.text[:0], p.index)
	s.text = text
	if err != nil || p.plain && !printable(text) {
		return kind, 0, false
	}
	if p.form == folded {
		s.text = p.fold(text)
	}
	return kind, maphash.Bytes(s.seed, s.text), true
}

// bytes is the hash of a string. A column of fixed length may have lost the zeros at its end.
func (s *sieve) bytes(raw []byte) uint64 {
	for len(raw) > 0 && raw[len(raw)-1] == 0 {
		raw = raw[:len(raw)-1]
	}
	return maphash.Bytes(s.seed, raw)
}

// add lets the net hold rows with the values, which are in the order of its columns.
func (s *sieve) add(n *net, values []decode.Value) {
	hash := uint64(0)
	for i, v := range values {
		hash = mixed(hash, s.known(&n.parts[i], v))
	}
	n.has.add(hash)
}

// known is what of a value of the old side goes into the hash.
func (s *sieve) known(p *part, v decode.Value) uint64 {
	switch p.form {
	case number:
		if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return uint64(n)
		}
		n, err := strconv.ParseUint(v.Text, 10, 64)
		if err != nil {
			return 0 // NULL, as an image has it.
		}
		return n
	case stored:
		return maphash.String(s.seed, strings.TrimRight(v.Text, "\x00"))
	case folded:
		return maphash.Bytes(s.seed, p.fold([]byte(v.Text)))
	case spelled:
	}
	return maphash.String(s.seed, v.Text)
}

// addRow is add with the values of a row.
func (s *sieve) addRow(n *net, row []decode.Value) {
	hash := uint64(0)
	for i := range n.parts {
		hash = mixed(hash, s.known(&n.parts[i], row[n.parts[i].index]))
	}
	n.has.add(hash)
}

// fold folds a text in place.
func (p *part) fold(text []byte) []byte {
	if !printable(text) {
		return []byte(p.folded(string(text)))
	}
	for p.pads && len(text) > 0 && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	for i := 0; p.ignoresCase && i < len(text); i++ {
		if c := text[i]; c >= 'A' && c <= 'Z' {
			text[i] = c + ('a' - 'A')
		}
	}
	return text
}

// mixed is the hash of a list of values with one more.
func mixed(hash, value uint64) uint64 {
	const first, second = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	high, low := bits.Mul64(hash^first, value^second)
	return (high ^ low) * first
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
