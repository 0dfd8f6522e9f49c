package diff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
)

// Tuple names the values of a unique key, or of a foreign key at either end, or the content of a row, as stores have it.
// Tuples are the same exactly when they are ==.
type Tuple string

// named is what a key of a store is of: the table of a unique key or the schema of a constraint, and the name of the
// key or constraint; a table alone for its rows.
type named struct {
	of    Name
	under string
}

// numbered is what a key of a store is of, by its number.
type numbered struct {
	named

	// table is nil until it was looked up.
	table *Definition
}

// Text is a value of a character column with what decides how it compares.
type Text struct{ Charset, Collation, Bytes string }

// Wanted are rows of a table with certain values, none of them NULL. Only the names and character sets of the columns
// are meant.
type Wanted struct {
	Table   Name
	Columns []Column
	Values  []decode.Value
}

// Facts are what the new primary says about tuples. Only what was asked for is in it.
type Facts struct {
	// weights are the sort keys of texts: the same for texts that the server takes as equal.
	weights Dict
	// holders are the keys of the live rows that hold tuples of unique keys, empty where none does, and what a trial made
	// of the tuple.
	holders Dict
	// last is the tuple that was last found there, at its number.
	last Tuple
	at   int
	// parents and children count the live rows that provide a tuple, and those that refer to it.
	parents, children Dict
}

func newFacts(store Store) Facts {
	return Facts{weights: store.Dict(), holders: store.Dict(), parents: store.Dict(), children: store.Dict()}
}

// storedText is a text as stores have it.
func (d *Divergence) storedText(t Text) string {
	d.text = append(begin(d.text[:0], d.number(named{of: Name{t.Charset, t.Collation}})), t.Bytes...)
	return string(d.text)
}

// AskWeight says whether the sort key of a text is to be asked for: the first time.
func (d *Divergence) AskWeight(t Text) bool {
	_, added := d.Facts.weights.Add(d.storedText(t))
	return added
}

// SetWeight takes the sort key of a text.
func (d *Divergence) SetWeight(t Text, weight string) {
	n, _ := d.Facts.weights.Add(d.storedText(t))
	d.Facts.weights.Set(n, []byte(weight))
}

// AskHolder says whether the holder of a tuple is to be asked for: the first time.
func (d *Divergence) AskHolder(of Tuple) bool {
	_, added := d.Facts.holders.Add(string(of))
	return added
}

// SetHolder takes the key of the live row that holds a tuple.
func (d *Divergence) SetHolder(of Tuple, key Key) {
	n, _ := d.Facts.holders.Add(string(of))
	d.setHolder(n, d.stored(key), "")
}

func (d *Divergence) setHolder(n int, live, made string) {
	d.record = d.record[:0].Text(live)
	if made != "" {
		d.record = d.record.Text(made)
	}
	d.Facts.holders.Set(n, d.record)
}

// Holder is the key of the live row that holds a tuple, as stores have it, empty where none does, and what Hold said
// last; empty where it said nothing.
func (d *Divergence) Holder(of Tuple) (live, made string) {
	n, known := d.holderOf(of)
	if !known {
		return "", ""
	}
	return d.holder(n)
}

// holderOf is the number of a tuple, which is often the last that was asked for.
func (d *Divergence) holderOf(of Tuple) (n int, known bool) {
	f := &d.Facts
	if f.last == of && of != "" {
		return f.at, true
	}
	if n, known = f.holders.Find(string(of)); known {
		f.last, f.at = of, n
	}
	return n, known
}

func (d *Divergence) holder(n int) (live, made string) {
	r := Reader{rest: d.Facts.holders.Value(n)}
	return r.Text(), r.Text()
}

// Hold keeps what was made of a tuple. It returns the number of the tuple, for HoldAgain, and what Hold said before.
func (d *Divergence) Hold(of Tuple, made string) (n int, was string) {
	n, known := d.holderOf(of)
	if !known {
		n, _ = d.Facts.holders.Add(string(of))
	}
	live, was := d.holder(n)
	if was != made {
		d.setHolder(n, live, made)
	}
	return n, was
}

// HoldAgain takes back a Hold.
func (d *Divergence) HoldAgain(n int, was string) {
	live, _ := d.holder(n)
	d.setHolder(n, live, was)
}

// Counts are numbers of live rows by tuple.
type Counts struct {
	d    *Divergence
	dict Dict
}

// Parents count the live rows that provide a tuple.
func (d *Divergence) Parents() Counts { return Counts{d, d.Facts.parents} }

// Children count the live rows that refer to a tuple.
func (d *Divergence) Children() Counts { return Counts{d, d.Facts.children} }

// NewCounts returns other counts, all 0.
func (d *Divergence) NewCounts() Counts { return Counts{d, d.store.Dict()} }

// Ask says whether the number is to be asked for: the first time.
func (c Counts) Ask(of Tuple) bool {
	_, added := c.dict.Add(string(of))
	return added
}

// Of is the number for a tuple, 0 where it is not known.
func (c Counts) Of(of Tuple) int {
	if n, known := c.dict.Find(string(of)); known {
		return NewReader(c.dict.Value(n)).Int()
	}
	return 0
}

// Add changes the number for a tuple.
func (c Counts) Add(of Tuple, by int) {
	n, _ := c.dict.Add(string(of))
	c.d.record = c.d.record[:0].Int(NewReader(c.dict.Value(n)).Int() + by)
	c.dict.Set(n, c.d.record)
}

// UniqueTuple is the image's tuple under a unique key; false where there is no image or the tuple has a NULL.
func (d *Divergence) UniqueTuple(table *Definition, u Unique, image []decode.Value) (Tuple, bool) {
	return d.tuple(named{table.Name, u.Name}, table, u.Columns, image)
}

// ForeignTuple is the image's tuple under a foreign key, the same at both ends of it; false where there is no image or
// the tuple has a NULL.
func (d *Divergence) ForeignTuple(table *Definition, f ForeignKey, image []decode.Value) (Tuple, bool) {
	return d.tuple(named{Name{Schema: f.Schema}, f.Name}, table, f.Columns, image)
}

func (d *Divergence) tuple(of named, table *Definition, columns []int, image []decode.Value) (Tuple, bool) {
	if !hasValues(columns, image) {
		return "", false
	}
	t := d.tuplePlan(d.plan(table), of, columns)
	id := begin(d.id[:0], t.number)
	for i := range t.parts {
		s := &t.parts[i]
		id = spell(id, d.weight(s, image[s.column].Text))
	}
	d.id = id
	return t.tuple(id), true
}

// hasValues says whether the image has a value other than NULL in every column.
func hasValues(columns []int, image []decode.Value) bool {
	return image != nil && !slices.ContainsFunc(columns, func(i int) bool {
		return image[i].Kind == decode.Null || image[i].Kind == decode.Absent
	})
}

// spell appends a text so that no two lists of texts come out the same.
func spell(id []byte, text string) []byte {
	id = strconv.AppendInt(id, int64(len(text)), 10)
	return append(append(id, ':'), text...)
}

// weight is a text as the server compares it, as far as that is known.
func (d *Divergence) weight(s *speller, text string) string {
	if s.weighted && d.Facts.weights.Len() > 0 {
		d.text = append(begin(d.text[:0], s.texts), text...)
		if n, known := d.Facts.weights.Find(string(d.text)); known {
			return d.Facts.weights.Value(n)
		}
	}
	return s.fold(text)
}

// Unweighed visits the texts of the columns of an image whose equality only the server can tell.
func (d *Divergence) Unweighed(table *Definition, columns []int, image []decode.Value, visit func(Text)) {
	if image == nil || slices.Contains(columns, -1) {
		return
	}
	values := make([]decode.Value, 0, len(columns))
	for _, i := range columns {
		values = append(values, image[i])
	}
	d.unweighed(table, columns, values, visit)
}

func (d *Divergence) unweighed(table *Definition, columns []int, values []decode.Value, visit func(Text)) {
	for i, column := range columns {
		if c := table.Columns[column]; values[i].Kind == decode.Text && !c.exact() {
			visit(Text{c.Charset, c.Collation, values[i].Text})
		}
	}
}

// Weighty says whether the columns hold texts whose equality only the server can tell.
func (d *Definition) Weighty(columns []int) bool {
	return slices.ContainsFunc(columns, func(i int) bool {
		return i >= 0 && d.Columns[i].Kind() == decode.Text && !d.Columns[i].exact()
	})
}

// exact says whether folding tells equality exactly: the collation compares bytes, and a space is one byte.
func (c Column) exact() bool {
	switch c.Charset {
	case "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary":
		return c.Collation == "binary" || strings.HasSuffix(c.Collation, "_bin")
	}
	return false
}
