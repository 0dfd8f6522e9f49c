//go:build integration

package decode_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// drawn is a random table.
type drawn struct {
	decodetest.Table
	columns []typed
}

// wroteRow is a row of a log, in the nth event of its transaction.
type wroteRow struct {
	table *drawn
	event int
	// as is, where not 0, the row that has the whole documents of which this one has the changes, and changes are these
	// by column.
	as      int
	changes map[int][]decodetest.JSONChange
}

// wrote is a transaction of a log.
type wrote struct {
	rows   []wroteRow
	opaque []string
}

// writer makes a random log and remembers what is in it.
type writer struct {
	draw
	log []byte
	// minimal leaves names and keys out of all of it.
	minimal bool
	wrote   []wrote
}

// randomWriter makes a log.
func randomWriter(r draw) *writer {
	w := &writer{draw: r, log: decodetest.Head(), minimal: r.IntN(4) == 0}
	for range perLog {
		id := w.identity()
		if w.IntN(20) == 0 {
			text := fmt.Sprintf("ALTER TABLE t%d COMMENT 'é'", w.IntN(100))
			w.log = append(w.log, id.Statement(decodetest.Query("s", text))...)
			w.wrote = append(w.wrote, wrote{opaque: []string{"DDL"}})
			continue
		}
		write := id.Transaction
		if w.IntN(3) == 0 {
			write = id.Compressed
		}
		var tx wrote
		var events []decodetest.Event
		for range 1 + w.IntN(3) {
			events = append(events, w.statement(&tx, len(events))...)
		}
		w.log = append(w.log, write(events...)...)
		w.wrote = append(w.wrote, tx)
	}
	return w
}

// identity draws the name of a transaction, often at the edge of what a server allows.
func (w *writer) identity() decodetest.Identity {
	id := decodetest.Named(1 + w.Uint64N(1000))
	copy(id.UUID[:], randomBytes(w.draw, 16))
	if w.IntN(3) == 0 {
		id.Seq = 1<<63 - 2 - w.Uint64N(1000)>>w.IntN(10)
	}
	if w.IntN(3) == 0 {
		id.Seq >>= w.IntN(62)
		id.Seq = max(id.Seq, 1)
	}
	if w.IntN(2) == 0 {
		id.Here = id.Committed + w.Uint64N(1<<32)
	}
	if w.IntN(4) == 0 {
		id.Ticket = 1 + w.Uint64()>>1
	}
	if w.IntN(3) == 0 {
		id.Tag = "_abcdefghijklmnopqrstuvwxyz012345"[:1+w.IntN(32)]
	}
	return id
}

// table draws a table.
func (w *writer) table() *drawn {
	t, columns := randomTable(w.draw)
	for !w.minimal && slices.ContainsFunc(columns, typed.old) {
		t, columns = randomTable(w.draw)
	}
	t.Minimal = w.minimal
	t.Schema = []string{"s", "größe", "a b", "x`y"}[w.IntN(4)]
	t.Name = []string{"t", "T", "straße", "a`b.c", "1"}[w.IntN(5)]
	if w.IntN(12) == 0 {
		g := fixed(255, func() []byte { return prefixed(4, randomBytes(w.draw, 25)) }, 4)
		g.Name = "shape"
		columns, t.Columns = append(columns, g), append(t.Columns, g.Column)
	}
	for i := range t.Columns {
		t.Columns[i].Invisible = w.IntN(5) == 0
		if w.IntN(4) == 0 {
			t.Columns[i].Name += "`é"
		}
	}
	if w.IntN(3) == 0 {
		t.Common = 255
	}
	t.PrimaryKey = w.Perm(len(columns))[:w.IntN(min(len(columns), 4)+1)]
	if w.IntN(3) == 0 && len(t.PrimaryKey) > 0 {
		for range t.PrimaryKey {
			t.Prefix = append(t.Prefix, 0)
		}
	}
	return &drawn{t, columns}
}

// old says that no server of this decade makes such columns: mysqlbinlog prints their values, but not their type.
func (c typed) old() bool { return c.Type == 7 || c.Type == 11 || c.Type == 12 }

// statement draws the events of one statement: one or two tables, and events that go on in the next.
func (w *writer) statement(tx *wrote, before int) []decodetest.Event {
	tables := []*drawn{w.table()}
	if w.IntN(4) == 0 {
		if t := w.table(); t.Schema+"."+t.Name != tables[0].Schema+"."+tables[0].Name {
			tables = append(tables, t)
		}
	}
	var out []decodetest.Event
	for i, t := range tables {
		t.ID = uint64(10 + i)
		out = append(out, t.Map())
	}
	for range 1 + w.IntN(4) {
		out = append(out, w.change(tx, tables[w.IntN(len(tables))], before+len(out))...)
	}
	for i := len(tables); i < len(out)-1; i++ {
		out[i] = out[i].Continued()
	}
	return out
}

// change draws an event of rows.
func (w *writer) change(tx *wrote, t *drawn, event int) []decodetest.Event {
	var images []decodetest.Image
	for range 1 + w.IntN(3) {
		images = append(images, randomImage(w.draw, t.columns))
		tx.rows = append(tx.rows, wroteRow{table: t, event: event})
	}
	kind := w.IntN(5)
	if kind == 0 {
		return []decodetest.Event{t.Insert(images...)}
	}
	if kind == 1 {
		return []decodetest.Event{t.Delete(images...)}
	}
	if kind == 4 && t.documents() > 0 {
		return w.changedDocuments(tx, t, images, event)
	}
	var changes []decodetest.Change
	for _, image := range images {
		changes = append(changes, decodetest.Change{Before: image, After: randomImage(w.draw, t.columns)})
	}
	before, after := w.some(t), w.some(t)
	if slices.Contains(before, false) || slices.Contains(after, false) {
		tx.note("partial row images (binlog_row_image is not FULL)")
	}
	return []decodetest.Event{t.Update(before, after, changes...)}
}

func (w *wrote) note(reason string) {
	if !slices.Contains(w.opaque, reason) {
		w.opaque = append(w.opaque, reason)
	}
}

// some draws the columns of an image: all of them, or a part as MINIMAL and NOBLOB leave it.
func (w *writer) some(t *drawn) []bool {
	out := t.all()
	if w.IntN(2) == 0 {
		return out
	}
	for i := range out {
		out[i] = w.IntN(2) == 0
	}
	out[w.IntN(len(out))] = true
	return out
}

func (t *drawn) all() []bool { return slices.Repeat([]bool{true}, len(t.columns)) }

func (t *drawn) documents() (n int) {
	for _, c := range t.columns {
		if c.Type == 245 {
			n++
		}
	}
	return n
}

// changedDocuments makes an event that has only the changes of some documents, and one with the rows in whole.
func (w *writer) changedDocuments(tx *wrote, t *drawn, images []decodetest.Image, event int) []decodetest.Event {
	changed := make([]bool, t.documents())
	for i := range changed {
		changed[i] = w.IntN(3) > 0
	}
	var changes []decodetest.Change
	var whole []decodetest.Image
	begin := len(tx.rows) - len(images)
	for i, image := range images {
		full := randomImage(w.draw, t.columns)
		after := slices.Clone(full)
		n := 0
		made := map[int][]decodetest.JSONChange{}
		for column, c := range t.columns {
			if c.Type != 245 {
				continue
			}
			if changed[n] {
				image[column], after[column], full[column], made[column] = w.document()
			}
			n++
		}
		tx.rows[begin+i].changes = made
		changes = append(changes, decodetest.Change{Before: image, After: after})
		whole = append(whole, full)
		tx.rows[begin+i].as = len(tx.rows)
		tx.rows = append(tx.rows, wroteRow{table: t, event: event + 1})
	}
	return []decodetest.Event{t.PartialUpdate(changed, changes...), t.Insert(whole...)}
}

// document draws a document, its changes and what they make of it, each as the log has them.
func (w *writer) document() (before, changes, after []byte, list []decodetest.JSONChange) {
	document := map[string]any{"list": []any{randomDocument(w.draw, 0)}, "more": randomDocument(w.draw, 0), "": nil}
	var root any = document
	before = prefixed(4, decodetest.Document(root, w.IntN(2) == 0))
	for range 1 + w.IntN(4) {
		var c decodetest.JSONChange
		root = w.edit(root, "$", &c)
		list = append(list, c)
	}
	return before, prefixed(4, decodetest.Changes(list...)), prefixed(4, decodetest.Document(root, false)), list
}

// Operations of a change.
const (
	replaceIt = iota
	insertIt
	removeIt
)

// edit changes a container at a random place and returns what it is then.
func (w *writer) edit(v any, path string, c *decodetest.JSONChange) any {
	if list, ok := v.([]any); ok {
		return w.editList(slices.Clone(list), path, c)
	}
	object, _ := v.(map[string]any)
	object = maps.Clone(object)
	if len(object) == 0 || w.IntN(5) == 0 {
		name := fmt.Sprintf("new \"%d", w.Uint32())
		value := randomDocument(w.draw, 2)
		*c = decodetest.JSONChange{Operation: insertIt, Path: path + member(name), Value: value}
		object[name] = value
		return object
	}
	names := slices.Sorted(maps.Keys(object))
	name := names[w.IntN(len(names))]
	path += member(name)
	switch {
	case container(object[name]) && w.IntN(3) > 0:
		object[name] = w.edit(object[name], path, c)
	case w.IntN(3) == 0:
		*c = decodetest.JSONChange{Operation: removeIt, Path: path}
		delete(object, name)
	default:
		object[name] = randomDocument(w.draw, 2)
		*c = decodetest.JSONChange{Operation: replaceIt, Path: path, Value: object[name]}
	}
	return object
}

func (w *writer) editList(list []any, path string, c *decodetest.JSONChange) any {
	if len(list) == 0 || w.IntN(5) == 0 {
		value := randomDocument(w.draw, 2)
		*c = decodetest.JSONChange{Operation: insertIt, Path: fmt.Sprintf("%s[%d]", path, len(list)), Value: value}
		return append(list, value)
	}
	i := w.IntN(len(list))
	path = fmt.Sprintf("%s[%d]", path, i)
	switch {
	case container(list[i]) && w.IntN(3) > 0:
		list[i] = w.edit(list[i], path, c)
	case w.IntN(3) == 0:
		*c = decodetest.JSONChange{Operation: removeIt, Path: path}
		return slices.Delete(list, i, i+1)
	default:
		list[i] = randomDocument(w.draw, 2)
		*c = decodetest.JSONChange{Operation: replaceIt, Path: path, Value: list[i]}
	}
	return list
}

func container(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// member is a leg of a path.
func member(name string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(name); err != nil {
		panic(err)
	}
	return "." + strings.TrimSuffix(out.String(), "\n")
}
