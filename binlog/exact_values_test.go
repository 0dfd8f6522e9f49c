//go:build integration

package binlog_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
)

// sameValues compares every column of every image with what mysqlbinlog printed, or the ledger read.
func (s *split) sameValues(got []report.Transaction) {
	s.t.Helper()
	wrong := map[string]int{}
	compared := 0
	for _, tx := range got {
		want, ok := s.log[tx.GTID.String()]
		if !ok {
			continue
		}
		if len(want.Rows) != len(tx.Rows) {
			s.differ(wrong, "rows", "%s: %d rows in the report, mysqlbinlog prints %d", tx.GTID, len(tx.Rows), len(want.Rows))
			continue
		}
		seen := map[string]int{}
		for i, row := range want.Rows {
			compared += s.sameRow(wrong, tx.Rows[i], row, seen, tx.GTID.String())
		}
	}
	s.t.Logf("%d values compared", compared)
	s.total(wrong)
}

// sameRow compares one row and returns how many values it compared.
func (s *split) sameRow(wrong map[string]int, got report.Row, want verbose.Row, seen map[string]int, gtid string) int {
	s.t.Helper()
	if got.Schema != want.Schema || got.Table != want.Table || got.Op != string(want.Op) {
		s.differ(wrong, "row", "%s: %s %s.%s, mysqlbinlog prints %s %s.%s",
			gtid, got.Op, got.Schema, got.Table, want.Op, want.Schema, want.Table)
		return 0
	}
	definition := s.oldTables[want.Table]
	if definition == nil || !definition.Fits(want.Description) {
		return 0
	}
	before, errBefore := definition.Image(want.Before)
	after, errAfter := definition.Image(want.After)
	if errBefore != nil || errAfter != nil {
		s.t.Fatalf("%s: %v, %v", gtid, errBefore, errAfter)
	}
	if len(s.images[gtid]) > 0 {
		if b, a, ok := s.fill(gtid, want.Table, seen[want.Table]); ok {
			before, after = b, a
		}
		seen[want.Table]++
	}
	return s.sameImage(wrong, definition, got.Before, before, gtid) + s.sameImage(wrong, definition, got.After, after, gtid)
}

func (s *split) sameImage(wrong map[string]int, t *table.Table, got report.Image, want table.Row, gtid string) int {
	s.t.Helper()
	byName := map[string]json.RawMessage{}
	for _, field := range got {
		byName[field.Column] = field.Value
	}
	compared := 0
	for i, cell := range want {
		name := t.Columns[i].Name
		value, there := byName[name]
		switch {
		case cell.Unknown:
		case cell.Absent == there:
			s.differ(wrong, "column", "%s: %s.%s is in the report: %v, in the log: %v", gtid, t.Name, name, there, !cell.Absent)
		case there && !sameValue(t.Columns[i], cell, value):
			s.differ(wrong, "value", "%s: %s.%s (%s) is %s in the report, in the log %q (null %v)",
				gtid, t.Name, name, t.Columns[i].Type, value, cell.Text, cell.Null)
		}
		compared++
	}
	if (got == nil) != (want == nil) {
		s.differ(wrong, "image", "%s: %s: in the report: %v, in the log: %v", gtid, t.Name, got != nil, want != nil)
	}
	return compared
}

// sameValue compares a value of the report with a cell.
func sameValue(c table.Column, cell table.Cell, got json.RawMessage) bool {
	if cell.Null {
		return string(got) == "null"
	}
	text := cell.Text
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit", "enum", "set", "float", "double":
		return string(got) == text
	case "json":
		return reflect.DeepEqual(document(got), document([]byte(text)))
	case "time", "datetime", "timestamp":
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
	}
	var have string
	if json.Unmarshal(got, &have) != nil {
		return false
	}
	if isBinary(c) || !utf8.ValidString(text) {
		return have == "0x"+hex.EncodeToString([]byte(text))
	}
	return have == text
}

func isBinary(c table.Column) bool {
	return strings.HasSuffix(c.Type, "binary") || strings.HasSuffix(c.Type, "blob") || c.Type == "geometry" || c.Type == "vector"
}

// document decodes JSON so that numbers are the same when they are of the same value and type.
func document(text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out any
	if decoder.Decode(&out) != nil {
		return string(text)
	}
	return numbersOf(out)
}

func numbersOf(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			f, _ := strconv.ParseFloat(v.String(), 64)
			return f
		}
		return v
	case []any:
		for i := range v {
			v[i] = numbersOf(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbersOf(v[name])
		}
	}
	return v
}

func imageText(image report.Image) string {
	text, err := image.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	const most = 400
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// openResults reads the names of the cases that passed in earlier runs.
func openResults(t *testing.T, name string) map[string]bool {
	t.Helper()
	kept := map[string]bool{}
	if *results == "" {
		return kept
	}
	text, err := os.ReadFile(filepath.Join(*results, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var result struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal([]byte(line), &result); err != nil {
			t.Fatal(err)
		}
		kept[result.Name] = true
	}
	t.Logf("%d results are in %s already", len(kept), *results)
	return kept
}

// keepResult appends a case that passed.
func keepResult(t *testing.T, file, name string) {
	t.Helper()
	if *results == "" {
		return
	}
	if err := os.MkdirAll(*results, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(filepath.Join(*results, file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	text, err := json.Marshal(map[string]string{"name": name, "result": "passed"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
}
