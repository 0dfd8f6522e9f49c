package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Places in Image.places of columns that have no bytes.
const (
	placeAbsent = math.MaxUint32
	placeNull   = math.MaxUint32 - 1
)

// ErrPartial is returned for a JSON document of which only the change was logged, where the document before the
// change is not in the before image or is not the one that was changed.
var ErrPartial = errors.New("partial JSON update without its document")

// Image is one row image in the bytes of the log, of which values are made only when they are asked for. It is valid
// as long as the Change that it came with.
type Image struct {
	table *Table
	// bytes are the image: the bitmap of NULLs and the values.
	bytes []byte
	// places are the offsets in bytes where the values of the columns begin.
	places []uint32
	// changed marks the JSON columns that hold changes to the document of before, by their number among those.
	changed []byte
	before  *Image
	text    []byte // of one value, kept for its memory
	texts   texts
}

// Bytes returns the image as it is in the log: the bitmap of NULLs, and the values without those of absent columns.
// Images with the same columns of the same table are of equal rows where the bytes are equal; JSON documents of other
// bytes may still be equal.
func (m *Image) Bytes() []byte { return m.bytes }

// Raw returns the kind of a column in this image, which is Absent, Null or the kind of the column, and the stored bytes
// of the value: numbers and times in their storage format, strings without length and without padding. For a change to
// a JSON document it returns the change, and Kind Absent.
func (m *Image) Raw(column int) (Kind, []byte) {
	switch place := m.places[column]; {
	case place == placeAbsent:
		return Absent, nil
	case place == placeNull:
		return Null, nil
	case m.isChange(column):
		return Absent, m.table.cells[column].content(m.bytes[place:])
	default:
		return m.table.Columns[column].Kind, m.table.cells[column].content(m.bytes[place:])
	}
}

// Integer returns the value of a column of kind Integer, a negative one as its two's complement, and the kind as in this
// image, which may be Absent or Null.
func (m *Image) Integer(column int) (Kind, uint64) {
	place := m.places[column]
	switch place {
	case placeAbsent:
		return Absent, 0
	case placeNull:
		return Null, 0
	}
	c := &m.table.cells[column]
	return Integer, c.integer(m.bytes[place : place+uint32(c.size)])
}

// Value returns the value of a column. The error wraps ErrPartial or ErrCorrupt, and the value is Absent then.
func (m *Image) Value(column int) (Value, error) {
	m.text = m.text[:0]
	kind, err := m.append(column)
	return Value{kind, string(m.text)}, err
}

// AppendText appends the text of a column's value and returns its kind. The error is that of Value, and nothing is
// appended then.
func (m *Image) AppendText(dst []byte, column int) (Kind, []byte, error) {
	own := m.text
	m.text = dst
	kind, err := m.append(column)
	dst, m.text = m.text, own
	return kind, dst, err
}

// Values returns the values of all columns. Those that could not be made are Absent, and the error joins the reasons,
// which wrap ErrPartial or ErrCorrupt.
func (m *Image) Values() ([]Value, error) {
	out := make([]Value, len(m.places))
	m.texts.reset()
	err := m.gather(&m.texts, out, nil, nil)
	m.texts.hand(out)
	return out, err
}

// texts are the texts of the values of images, one after the other. One string for all of them is much cheaper than one
// for each.
type texts struct {
	bytes []byte
	// ends are where they end; asBefore for one that is the same as in the image before.
	ends []int
}

const asBefore = -1

func (t *texts) reset() { t.bytes, t.ends = t.bytes[:0], t.ends[:0] }

// hand gives the values their texts. Those that are as before are taken from so many values before.
func (t *texts) hand(out []Value) {
	text, begin, width := string(t.bytes), 0, len(out)/2
	for i, end := range t.ends {
		if end == asBefore {
			out[i] = out[i-width]
			continue
		}
		out[i].Text = text[begin:end]
		begin = end
	}
}

// gather adds the texts of the wanted columns, all where wanted is nil, and sets the kinds. A value that is stored as it
// was before is not made again where before are the values of that image.
func (m *Image) gather(t *texts, out, before []Value, wanted []bool) (failures error) {
	own := m.text
	m.text = t.bytes
	for i := range out {
		if wanted != nil && !wanted[i] {
			t.ends = append(t.ends, len(m.text))
			continue
		}
		if before != nil && before[i].Kind != Absent && m.unchanged(i) {
			t.ends = append(t.ends, asBefore)
			continue
		}
		kind, err := m.append(i)
		if err != nil {
			failures = errors.Join(failures, err)
		}
		out[i].Kind = kind
		t.ends = append(t.ends, len(m.text))
	}
	t.bytes, m.text = m.text, own
	return failures
}

// unchanged says whether the image before has the same bytes in the column.
func (m *Image) unchanged(column int) bool {
	place, before := m.places[column], m.before.places[column]
	if place >= placeNull || before >= placeNull || m.isChange(column) {
		return false
	}
	c := &m.table.cells[column]
	return string(c.content(m.bytes[place:])) == string(c.content(m.before.bytes[before:]))
}

// append appends the text of a column, and returns its kind.
func (m *Image) append(column int) (Kind, error) {
	place := m.places[column]
	if place == placeAbsent {
		return Absent, nil
	}
	if place == placeNull {
		return Null, nil
	}
	content := m.table.cells[column].content(m.bytes[place:])
	begin, err := len(m.text), error(nil)
	if m.isChange(column) {
		m.text, err = m.appendChanged(column, content)
	} else {
		var ok bool
		m.text, ok = m.table.cells[column].appendText(m.text, content)
		if !ok {
			err = fmt.Errorf("decode: a value of type %s: %w", m.table.Columns[column].Family, ErrCorrupt)
		}
	}
	if err != nil {
		m.text = m.text[:begin]
		return Absent, err
	}
	return m.table.Columns[column].Kind, nil
}

// isChange says whether the column holds changes to a document.
func (m *Image) isChange(column int) bool {
	if m.changed == nil || m.table.cells[column].code != typeJSON {
		return false
	}
	documents := 0
	for i := range column {
		if m.table.cells[i].code == typeJSON {
			documents++
		}
	}
	return bit(m.changed, documents)
}

// read finds the values of an image at the beginning of the bytes, and returns how many bytes the image has. Bit i of
// present says whether the image has column i, and count how many those are.
func (m *Image) read(t *Table, body, present []byte, count int) (int, bool) {
	m.table, m.changed = t, nil
	if cap(m.places) < len(t.cells) {
		m.places = make([]uint32, len(t.cells))
	}
	m.places = m.places[:len(t.cells)]
	at := bitmapSize(count)
	if at > len(body) {
		return 0, false
	}
	ok := false
	if count == len(t.cells) {
		at, ok = m.readFull(body, at)
	} else {
		at, ok = m.readPartial(body, present, at)
	}
	if !ok || at > len(body) {
		return 0, false
	}
	m.bytes = body[:at]
	return at, true
}

func (m *Image) readFull(body []byte, at int) (int, bool) {
	cells, places := m.table.cells, m.places[:len(m.table.cells)]
	for i := range cells {
		if body[i>>3]&(1<<(i&7)) != 0 {
			places[i] = placeNull
			continue
		}
		places[i] = uint32(at)
		c := &cells[i]
		if c.prefix == 0 {
			at += int(c.size)
			continue
		}
		n, ok := c.measure(body, at)
		if !ok {
			return 0, false
		}
		at += n
	}
	return at, true
}

func (m *Image) readPartial(body, present []byte, at int) (int, bool) {
	nulls := 0
	for i := range m.places {
		if !bit(present, i) {
			m.places[i] = placeAbsent
			continue
		}
		nulls++
		if bit(body, nulls-1) {
			m.places[i] = placeNull
			continue
		}
		m.places[i] = uint32(at)
		n, ok := m.table.cells[i].measure(body, at)
		if !ok {
			return 0, false
		}
		at += n
	}
	return at, true
}

// measure returns how many bytes the value takes that begins there.
func (c *cell) measure(body []byte, at int) (int, bool) {
	prefix := int(c.prefix)
	if at+prefix > len(body) {
		return 0, false
	}
	stored := body[at:]
	switch prefix {
	case 0:
		return int(c.size), true
	case 1:
		return 1 + int(stored[0]), true
	case 2:
		return 2 + int(binary.LittleEndian.Uint16(stored)), true
	case 3:
		return 3 + int(uint24(stored)), true
	}
	return 4 + int(binary.LittleEndian.Uint32(stored)), true
}

// bitmapSize is how many bytes so many bits take.
func bitmapSize(bits int) int { return (bits + 7) / 8 }

func bit(bitmap []byte, i int) bool { return bitmap[i>>3]&(1<<(i&7)) != 0 }
