//go:build integration

package decode_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
)

// sameAsTheTable compares the rows that the log leaves with those that the server has.
func sameAsTheTable(t *testing.T, s *source, table string, left int, all []*decode.Transaction) {
	t.Helper()
	state := map[decode.Value][]decode.Value{}
	for _, tx := range all {
		for _, row := range tx.Rows {
			if row.Table.Name == table {
				replay(state, row, slices.Contains(tx.Opaque, "partial JSON update (binlog_row_value_options)"))
			}
		}
	}
	// The administrator sees triggers, so that the definition is complete.
	snapshot, err := live.Open(t.Context(), capture.Endpoint{
		Server: "db1", Address: s.Address(), User: s.Accounts.Controller.User, Password: s.Accounts.Controller.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = snapshot.Close() }()
	definition, err := snapshot.Definition(t.Context(), diff.Name{Schema: "w", Table: table})
	if err != nil {
		t.Fatal(err)
	}
	if len(state) != left {
		t.Errorf("%d rows are left, want %d", len(state), left)
	}
	for key, want := range state {
		rows, err := snapshot.Rows(context.WithoutCancel(t.Context()), definition, [][]decode.Value{{key}})
		if err != nil || rows[0] == nil {
			t.Fatalf("row %s: %v, %v", key.Text, rows, err)
		}
		for i, has := range rows[0] {
			if want[i].Kind != decode.Absent && want[i] != has {
				t.Errorf("row %s, %s: the log says %d %.300q, the server %d %.300q",
					key.Text, definition.Columns[i].Name, want[i].Kind, want[i].Text, has.Kind, has.Text)
			}
		}
	}
}

// replay brings the rows to the state after one change. Where only changes of documents are known, the documents are
// unknown from then on.
func replay(state map[decode.Value][]decode.Value, row decode.Row, unknown bool) {
	switch row.Op {
	case decode.Delete:
		delete(state, row.Before[0])
	case decode.Insert:
		state[row.After[0]] = slices.Clone(row.After)
	case decode.Update:
		kept := state[row.Before[0]]
		for i, v := range row.After {
			if v.Kind != decode.Absent || unknown && row.Table.Columns[i].Kind == decode.JSON {
				kept[i] = v
			}
		}
	}
}

// sameAsMysqlbinlog compares every image with the text of mysqlbinlog -v, in the columns whose text there is exact.
func sameAsMysqlbinlog(t *testing.T, s *source, path, table string, all []*decode.Transaction) {
	t.Helper()
	program := slices.IndexFunc(s.Client, func(word string) bool { return filepath.Base(word) == "mysql" })
	words := append(slices.Clone(s.Client[:program]), filepath.Join(filepath.Dir(s.Client[program]), "mysqlbinlog"),
		"--no-defaults", "-v", "--base64-output=decode-rows", path)
	text, err := exec.CommandContext(t.Context(), words[0], words[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := printedImages(string(text), table)
	n, compared := 0, 0
	for _, tx := range all {
		for _, row := range tx.Rows {
			for _, image := range [][]decode.Value{row.Before, row.After} {
				if image == nil || row.Table.Name != table {
					continue
				}
				if n >= len(theirs) {
					t.Fatalf("mysqlbinlog prints %d images", len(theirs))
				}
				compared += sameImage(t, row.Table, image, theirs[n])
				n++
			}
		}
	}
	if n != len(theirs) || compared < 10 {
		t.Errorf("%d images and %d values, mysqlbinlog prints %d images", n, compared, len(theirs))
	}
}

// printedImages are the images of the table in the text, by column from 1 on.
func printedImages(text, table string) []map[int]string {
	var out []map[int]string
	wanted := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "### INSERT"), strings.HasPrefix(line, "### UPDATE"), strings.HasPrefix(line, "### DELETE"):
			wanted = strings.HasSuffix(line, "`.`"+table+"`")
		case !wanted:
		case line == "### SET", line == "### WHERE":
			out = append(out, map[int]string{})
		case strings.HasPrefix(line, "###   @"):
			column, value, _ := strings.Cut(strings.TrimPrefix(line, "###   @"), "=")
			n, err := strconv.Atoi(column)
			if err == nil && len(out) > 0 {
				out[len(out)-1][n] = value
			}
		}
	}
	return out
}

func sameImage(t *testing.T, table *decode.Table, image []decode.Value, printed map[int]string) (compared int) {
	t.Helper()
	for i, c := range table.Columns {
		text, there := printed[i+1]
		v := image[i]
		if !there {
			if v.Kind != decode.Absent {
				t.Errorf("column %d: %.100q, mysqlbinlog has none", i+1, v.Text)
			}
			continue
		}
		want, exact := fromPrinted(c, text)
		if !exact {
			continue
		}
		compared++
		if v != want {
			t.Errorf("column %d (%s): %d %.200q, mysqlbinlog says %d %.200q", i+1, c.Family, v.Kind, v.Text, want.Kind, want.Text)
		}
	}
	return compared
}

// fromPrinted reads a printed value, false for what is not printed exactly.
func fromPrinted(c decode.Column, text string) (decode.Value, bool) {
	if text == "NULL" {
		return decode.NullValue(), true
	}
	switch c.Family {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "enum", "year":
		// Negative numbers have the unsigned ones behind them, as the printer does not know the sign.
		number, _, ambiguous := strings.Cut(text, " (")
		year0 := c.Family == "year" && text == "1900" // That is what the year 0000 is printed as.
		return decode.Value{Kind: decode.Integer, Text: number}, !ambiguous && !year0
	case "decimal":
		return decode.Value{Kind: decode.Decimal, Text: text}, true
	case "bit":
		n, err := strconv.ParseUint(strings.Trim(text, "b'"), 2, 64)
		return decode.UnsignedValue(n), err == nil
	case "date", "time", "datetime":
		text = strings.Trim(text, "'")
		if c.Family == "date" {
			text = strings.ReplaceAll(text, ":", "-")
		}
		return decode.TimeValue(text), true
	}
	return decode.Value{}, false
}
