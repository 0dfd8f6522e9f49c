package decodetest

import (
	"encoding/binary"
	"slices"
)

// Image is one row image: the stored bytes of each column, with their length where the type has one; nil for NULL.
type Image [][]byte

// Change is an update with both images.
type Change struct{ Before, After Image }

// Insert is an event that adds rows.
func (t Table) Insert(rows ...Image) Event {
	body := t.rows(t.all())
	for _, row := range rows {
		body = row.append(body, t.all())
	}
	return Event{codeWriteRows, body}
}

// Continued is the event as one that is not the last of its statement.
func (e Event) Continued() Event {
	e.Body = slices.Clone(e.Body)
	e.Body[6] &^= lastOfStatement
	return e
}

// Delete is an event that removes rows.
func (t Table) Delete(rows ...Image) Event {
	e := t.Insert(rows...)
	e.Code = codeDeleteRows
	return e
}

// Update is an event that changes rows. Before and after images have the columns of the bitmaps, all where they are
// nil.
func (t Table) Update(before, after []bool, rows ...Change) Event {
	if before == nil {
		before = t.all()
	}
	if after == nil {
		after = t.all()
	}
	body := t.rows(before, after)
	for _, row := range rows {
		body = row.After.append(row.Before.append(body, before), after)
	}
	return Event{codeUpdateRows, body}
}

// PartialUpdate is an event that changes rows of which the after images hold, for the nth JSON column where changed
// says so, a list of changes.
func (t Table) PartialUpdate(changed []bool, rows ...Change) Event {
	body := t.rows(t.all(), t.all())
	for _, row := range rows {
		body = row.Before.append(body, t.all())
		body = append(append(body, 1), bitmapOf(changed)...)
		body = row.After.append(body, t.all())
	}
	return Event{codePartialUpdate, body}
}

func (t Table) all() []bool {
	out := make([]bool, len(t.Columns))
	for i := range out {
		out[i] = true
	}
	return out
}

// lastOfStatement is the flag of a row event without which mysqlbinlog prints nothing.
const lastOfStatement = 1

func (t Table) rows(images ...[]bool) []byte {
	body := t.head()
	body[6] = lastOfStatement
	body = binary.LittleEndian.AppendUint16(body, 2) // No extra data.
	body = Packed(body, uint64(len(t.Columns)))
	for _, present := range images {
		body = append(body, bitmapOf(present)...)
	}
	return body
}

func bitmapOf(of []bool) []byte {
	out := make([]byte, bitmapSize(len(of)))
	for i, set := range of {
		if set {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

func (m Image) append(dst []byte, present []bool) []byte {
	var nulls []bool
	var values []byte
	for i, value := range m {
		if present[i] {
			nulls = append(nulls, value == nil)
			values = append(values, value...)
		}
	}
	return append(append(dst, bitmapOf(nulls)...), values...)
}
