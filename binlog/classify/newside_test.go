package classify_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// Codes of column types and of the event that says that events are missing, as the log has them.
const (
	codeInt, codeVarchar = 3, 15
	codeIncident         = 26
	collation            = 255 // utf8mb4_0900_ai_ci.
)

// newSide is transactions as the log of the new primary has them: there rows are read no further than they matter.
func newSide(all []*decode.Transaction) ([]byte, error) {
	log := bytes.NewBuffer(decodetest.Head())
	for _, tx := range all {
		uuid, err := hex.DecodeString(strings.ReplaceAll(tx.GTID.UUID, "-", ""))
		if err != nil {
			return nil, err
		}
		id := decodetest.Identity{UUID: [16]byte(uuid), Seq: tx.GTID.Seq}
		var events []decodetest.Event
		for range tx.Undecodable {
			events = append(events, decodetest.Event{Code: codeIncident, Body: []byte{1, 0, 0}})
		}
		for _, s := range tx.Statements {
			events = append(events, decodetest.Query(s.Schema, s.Text))
		}
		if len(events) > 0 {
			log.Write(id.Statement(events...))
			continue
		}
		for _, row := range tx.Rows {
			changed, err := changeEvents(row)
			if err != nil {
				return nil, err
			}
			events = append(events, changed...)
		}
		log.Write(id.Transaction(events...))
	}
	return log.Bytes(), nil
}

// changeEvents are the description of a table and the change of a row of it.
func changeEvents(row decode.Row) ([]decodetest.Event, error) {
	table := decodetest.Table{ID: 7, Schema: row.Table.Schema, Name: row.Table.Name, PrimaryKey: row.Table.PrimaryKey}
	for _, c := range row.Table.Columns {
		switch c.Family {
		case "int":
			table.Columns = append(table.Columns, decodetest.Column{Name: c.Name, Type: codeInt, Number: true})
		case "varchar":
			table.Columns = append(table.Columns, decodetest.Column{Name: c.Name, Type: codeVarchar, Meta: []byte{200, 0}, String: true, Collation: collation})
		default:
			return nil, fmt.Errorf("a column of family %s cannot be written", c.Family)
		}
	}
	before, err := stored(row.Before)
	if err != nil {
		return nil, err
	}
	after, err := stored(row.After)
	events := []decodetest.Event{table.Map()}
	switch row.Op {
	case decode.Insert:
		events = append(events, table.Insert(after))
	case decode.Delete:
		events = append(events, table.Delete(before))
	case decode.Update:
		events = append(events, table.Update(nil, nil, decodetest.Change{Before: before, After: after}))
	}
	return events, err
}

// stored are values as the log has them.
func stored(image []decode.Value) (decodetest.Image, error) {
	var out decodetest.Image
	for _, v := range image {
		if v.Kind == decode.Null {
			out = append(out, nil)
			continue
		}
		if v.Kind != decode.Integer {
			out = append(out, append([]byte{byte(len(v.Text))}, v.Text...))
			continue
		}
		n, err := strconv.ParseInt(v.Text, 10, 32)
		if err != nil {
			return nil, err
		}
		out = append(out, binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	return out, nil
}
