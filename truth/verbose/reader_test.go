package verbose_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/truth/verbose"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// dump spells transactions one value per line.
func dump(all []verbose.Transaction) string {
	var out strings.Builder
	image := func(name string, values []verbose.Value) {
		for i, v := range values {
			if v.Type != verbose.Absent {
				fmt.Fprintf(&out, "    %s %d %s null=%v exact=%v %q %q\n", name, i+1, v.Type, v.Null, v.Exact(), v.Text, v.Wide)
			}
		}
	}
	for _, tx := range all {
		fmt.Fprintf(&out, "%s xa=%v committed %d, %d bytes\n", tx.GTID, tx.XA, tx.Committed, tx.Size)
		for _, s := range tx.Statements {
			fmt.Fprintf(&out, "  statement %q in %q\n", s.Text, s.Schema)
		}
		for _, row := range tx.Rows {
			fmt.Fprintf(&out, "  %s %s.%s key %q of %d columns, cut=%v\n", row.Op, row.Schema, row.Table,
				row.Description.PrimaryKey, len(row.Description.Columns), row.Cut)
			image("before", row.Before)
			image("after", row.After)
		}
	}
	return out.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadsWhatMysqlbinlogPrinted(t *testing.T) {
	all, err := verbose.Read(strings.NewReader(read(t, "testdata/every.txt")))
	if err != nil {
		t.Fatal(err)
	}
	got := dump(all)
	if *update {
		if err := os.WriteFile("testdata/every.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, "testdata/every.golden"), got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryByte(t *testing.T) {
	all, err := verbose.Read(strings.NewReader(read(t, "testdata/bytes.txt")))
	if err != nil {
		t.Fatal(err)
	}
	rows := all[len(all)-1].Rows
	for i, row := range rows {
		if want := string([]byte{byte(i), 'A'}); row.After[0].Text != want {
			t.Errorf("got %q, want %q", row.After[0].Text, want)
		}
	}
	if len(rows) != 256 {
		t.Errorf("%d rows, want one for each byte", len(rows))
	}
}

// header opens a row event of a table with a column.
const header = "#261121 21:39:31 server id 1  end_log_pos 1282 \t"

// event is a transaction with an insert of one value.
func event(value string) string {
	return "SET @@SESSION.GTID_NEXT= 'u:1'/*!*/;\n" + header + "Table_map: `s`.`t` mapped to number 87\n# Columns(`a` INT)\n" +
		header + "Write_rows: table id 87 flags: STMT_END_F\n### INSERT INTO `s`.`t`\n### SET\n###   @1=" + value + "\n"
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		printed string
		want    verbose.Value
	}{
		{"-1 (255) /* TINYINT meta=0 nullable=1 is_null=0 */", verbose.Value{Type: "TINYINT", Text: "-1", Wide: "255"}},
		{"5 /* INT meta=0 nullable=1 is_null=0 */", verbose.Value{Type: "INT", Text: "5", Wide: "5"}},
		{"NULL /* JSON meta=4 nullable=1 is_null=1 */", verbose.Value{Type: "JSON", Null: true}},
		{
			`'a\'b\\c\n\x00 /* x */' /* VARSTRING(20) meta=20 nullable=1 is_null=0 */`,
			verbose.Value{Type: "VARSTRING", Text: "a'b\\c\n\x00 /* x */", Wide: "a'b\\c\n\x00 /* x */"},
		},
		{"b'1000000001' /* BIT(10) meta=258 nullable=1 is_null=0 */", verbose.Value{Type: "BIT", Text: "513", Wide: "513"}},
		{"b'0000000100000010' /* SET(2 bytes) meta=63490 nullable=1 is_null=0 */", verbose.Value{Type: "SET", Text: "513", Wide: "513"}},
		{"1.1                  /* FLOAT meta=4 nullable=1 is_null=0 */", verbose.Value{Type: "FLOAT", Text: "1.1", Wide: "1.1"}},
		{
			"JSON_REPLACE(@1, '$.b', 3) /* JSON meta=4 nullable=1 is_null=0 */",
			verbose.Value{Type: "JSON", Change: true, Text: "JSON_REPLACE(@1, '$.b', 3)", Wide: "JSON_REPLACE(@1, '$.b', 3)"},
		},
		{"!! Don't know how to handle column type=255 meta=4 (0004)", verbose.Value{Type: verbose.Unprinted}},
	} {
		all, err := verbose.Read(strings.NewReader(event(c.printed)))
		if err != nil {
			t.Errorf("%s: %v", c.printed, err)
			continue
		}
		if diff := cmp.Diff(c.want, all[0].Rows[0].After[0]); diff != "" {
			t.Errorf("%s: %s", c.printed, diff)
		}
	}
}

func TestOtherTextIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no type":         event("5"),
		"unknown escape":  event(`'\q' /* VARSTRING(20) meta=20 nullable=1 is_null=0 */`),
		"open string":     event(`'a /* VARSTRING(20) meta=20 nullable=1 is_null=0 */`),
		"bits":            event("b'102' /* BIT(10) meta=258 nullable=1 is_null=0 */"),
		"column number":   strings.Replace(event("5 /* INT meta=0 */"), "@1", "@0", 1),
		"no GTID":         strings.SplitAfterN(event("5 /* INT meta=0 */"), "\n", 2)[1],
		"no description":  strings.Replace(event("5 /* INT meta=0 */"), "mapped to number", "is", 1),
		"unquoted table":  strings.Replace(event("5 /* INT meta=0 */"), "INTO `s`", "INTO s", 1),
		"nameless column": strings.Replace(event("5 /* INT meta=0 */"), "(`a` INT)", "(INT)", 1),
	} {
		if _, err := verbose.Read(strings.NewReader(text)); !errors.Is(err, verbose.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
