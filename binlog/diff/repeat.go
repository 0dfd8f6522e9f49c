package diff

import (
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Group is what the new side inserted alike, in its order.
type Group struct{ Inserted []Insertion }

// Insertion is a row that the new side inserted.
type Insertion struct {
	Key       Key
	KeyValues []decode.Value
	By        gtid.GTID
}

// ContentID is what two rows have in common when one repeats the other: all values but those of the auto-increment
// key, of generated and of volatile columns. It is false where nothing remains, or the image is not a whole one.
func (d *Definition) ContentID(image []decode.Value) (string, bool) {
	var id strings.Builder
	auto := d.Auto()
	for i, v := range image {
		if v.Kind == decode.Absent {
			return "", false
		}
		if i == auto || !d.steady(i) {
			continue
		}
		id.WriteByte('0' + byte(v.Kind))
		spell(&id, v.Text)
	}
	return id.String(), id.Len() > 0
}

// index prepares for the new side: it groups the rows that the old side inserted by what a repetition would share.
func (d *Divergence) index() {
	d.groups = map[Tuple]*Group{}
	for _, key := range d.Order {
		s := d.States[key]
		if s.Before != nil || s.After == nil {
			continue
		}
		if s.Table.Auto() >= 0 {
			if id, ok := s.Table.ContentID(s.After); ok {
				s.Twins = d.group(Tuple{Of: key.Name, ID: id})
			}
		}
		s.Rivals = make([]*Group, len(s.Table.Unique))
		for i, u := range s.Table.Unique {
			if id, ok := s.Table.foldedTuple(u, s.After); ok {
				s.Rivals[i] = d.group(Tuple{Of: key.Name, Under: u.Name, ID: id})
			}
		}
	}
}

func (d *Divergence) group(of Tuple) *Group {
	g := d.groups[of]
	if g == nil {
		g = &Group{}
		d.groups[of] = g
	}
	return g
}

// known is the group of a tuple under which the old side inserted a row, else nil.
func (d *Divergence) known(of Tuple) *Group { return d.groups[of] }

// foldedTuple is the tuple of an image as far as it can be told without the server.
func (d *Definition) foldedTuple(u Unique, image []decode.Value) (string, bool) {
	if !u.Checkable() || !hasValues(u.Columns, image) {
		return "", false
	}
	var id strings.Builder
	for _, i := range u.Columns {
		spell(&id, d.Columns[i].folded(image[i].Text))
	}
	return id.String(), true
}

// repeat keeps a row that the new side inserted where it may repeat one of the old side.
func (d *Divergence) repeat(tx *decode.Transaction, table *Definition, row decode.Row) {
	key, ok := table.KeyOf(row.After)
	if !ok || row.Op != decode.Insert {
		return
	}
	if d.groups == nil {
		d.index()
	}
	note := func(of Tuple) {
		if g := d.known(of); g != nil {
			g.Inserted = append(g.Inserted, Insertion{Key: key, KeyValues: table.KeyValues(row.After), By: tx.GTID})
		}
	}
	if id, ok := table.ContentID(row.After); ok {
		note(Tuple{Of: table.Name, ID: id})
	}
	for _, u := range table.Unique {
		if id, ok := table.foldedTuple(u, row.After); ok {
			note(Tuple{Of: table.Name, Under: u.Name, ID: id})
		}
	}
}
