package report_test

import (
	"fmt"
	"strings"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// shape is a table of a made report with what its n-th row holds; version tells the states of a row apart.
type shape struct {
	logged  *decode.Table
	defined *diff.Definition
	row     func(n, version int) []decode.Value
}

func shapeOf(name string, types map[string]decode.Kind, columns []string, row func(n, version int) []decode.Value) shape {
	s := shape{
		logged:  &decode.Table{Schema: "shop", Name: name, PrimaryKey: []int{0}},
		defined: &diff.Definition{Name: diff.Name{Schema: "shop", Table: name}, PrimaryKey: []int{0}}, row: row,
	}
	for _, column := range columns {
		column, kind, _ := strings.Cut(column, " ")
		s.logged.Columns = append(s.logged.Columns, decode.Column{Name: column, Kind: types[kind], Family: kind})
		charset := map[bool]string{types[kind] == decode.Text: "utf8mb4"}[true]
		s.defined.Columns = append(s.defined.Columns, diff.Column{Name: column, Type: kind, Charset: charset})
	}
	return s
}

// kinds are those of the types of made tables.
func kinds() map[string]decode.Kind {
	return map[string]decode.Kind{
		"bigint": decode.Integer, "varchar": decode.Text, "decimal": decode.Decimal, "datetime": decode.Time,
		"double": decode.Float, "json": decode.JSON, "varbinary": decode.Binary,
	}
}

// narrow has rows of about 60 bytes.
func narrow() shape {
	columns := []string{"id bigint", "account bigint", "status varchar", "amount decimal", "changed_at datetime", "note varchar"}
	return shapeOf("payments", kinds(), columns, func(n, version int) []decode.Value {
		return []decode.Value{
			decode.IntegerValue(int64(n)), decode.IntegerValue(int64(n % 977)),
			{Kind: decode.Text, Text: []string{"open", "paid", "sent"}[(n+version)%3]},
			{Kind: decode.Decimal, Text: fmt.Sprintf("%d.%02d", n%10_000+version, n%100)},
			decode.TimeValue(fmt.Sprintf("2018-10-21 22:%02d:%02d.%06d", n/60%60, n%60, n%1_000_000)), decode.NullValue(),
		}
	})
}

// wide has rows of about 2 kB, with documents, prose and bytes.
func wide() shape {
	var columns []string
	for _, kind := range []string{"bigint", "varchar", "json", "varbinary", "double", "varchar", "datetime"} {
		for range 3 {
			columns = append(columns, fmt.Sprintf("%s_%d %s", kind, len(columns), kind))
		}
	}
	return shapeOf("orders", kinds(), columns, func(n, version int) []decode.Value {
		var out []decode.Value
		for i := range columns {
			switch i / 3 {
			case 0:
				out = append(out, decode.IntegerValue(int64(n*3+i)))
			case 1:
				out = append(out, decode.Value{Kind: decode.Text, Text: fmt.Sprintf("Straße %d & <b>%d</b>, \"%s\"", n, i, strings.Repeat("prose ", 30))})
			case 2:
				out = append(out, decode.JSONValue(fmt.Sprintf(`{"id":%d,"items":[{"price":%d.25,"sku":"A-%d","tags":["new","<hot>"]},null,true],"version":%d}`, n, i, n, version)))
			case 3:
				out = append(out, decode.Value{Kind: decode.Binary, Text: strings.Repeat(string(rune(n%256))+"\x00\xff", 20)})
			case 4:
				out = append(out, decode.FloatValue(float64(n)/float64(i+version)))
			case 5:
				out = append(out, decode.Value{Kind: decode.Text, Text: "short"})
			default:
				out = append(out, decode.TimeValue("2018-10-21 22:52:03"))
			}
		}
		return out
	})
}

// made is a report of so many row changes, ten a transaction, of all operations and of several classes. It calls yield
// for one transaction after the other.
func made(rows int, shapes ...shape) (in report.Input, each func(yield func(classify.Transaction) error) error) {
	const perTransaction = 10
	last := uint64((rows + perTransaction - 1) / perTransaction)
	set := gtid.MustParse(fmt.Sprintf("%s:1-%d", uuid, last))
	in = report.Input{
		ID: "made", Cluster: "orders", OldServer: "east-db1", NewServer: "west-db1", OldOnly: set, CreatedAt: at(59),
		Manifest: capture.Manifest{Wanted: set, Captured: set, Complete: true},
		Harmless: []report.Column{{Schema: "shop", Table: "payments", Column: "status"}},
	}
	return in, func(yield func(classify.Transaction) error) error {
		for seq, n := uint64(1), 0; seq <= last; seq++ {
			tx := classify.Transaction{GTID: gtid.GTID{UUID: uuid, Seq: seq}, CommittedAt: at(int(seq % 60)), Class: classify.Safe, Reason: "untouched by the new side"}
			class := classify.Safe
			if seq%5 == 0 {
				class = classify.Conflict
				tx.Class, tx.Reason = class, "update-update: the new primary changed the row"
			}
			for ; n < rows && len(tx.Rows) < perTransaction; n++ {
				tx.Rows = append(tx.Rows, shapes[n%len(shapes)].change(n, class))
			}
			if err := yield(tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// change is the n-th row change.
func (s shape) change(n int, class classify.Class) classify.Row {
	row := classify.Row{
		Row: decode.Row{Op: decode.Update, Table: s.logged}, Definition: s.defined, Class: class, Reason: "untouched by the new side",
	}
	switch before, after := s.row(n, 0), s.row(n, 1); n % 4 {
	case 0:
		row.Op, row.After = decode.Insert, after
	case 1:
		row.Op, row.Before, row.Live = decode.Delete, before, before
	default:
		row.Before, row.After, row.Live = before, after, before
	}
	if class == classify.Conflict {
		row.Counterpart, row.Live = gtid.GTID{UUID: uuid, Tag: "west", Seq: uint64(n)}, s.row(n, 2)
		row.Reason = "update-update: the new primary changed the row in " + row.Counterpart.String()
	}
	row.Key = s.row(n, 0)[:1]
	return row
}
