package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// withProposal is a report in which one row has the key of another, and a later one refers to it.
func withProposal() report.Input {
	in := input()
	parent := &in.Transactions[1].Rows[0]
	parent.Class, parent.Op, parent.Before, parent.After = classify.AutoIncrement, decode.Insert, nil, values("new")
	child := gtid.GTID{UUID: uuid, Seq: 3}
	parent.Proposal = &classify.Proposal{Column: "id", ID: decode.IntegerValue(8123), Referring: 1, Children: []classify.Child{{
		GTID: child, Table: diff.Name{Schema: "s", Table: "lines"}, Key: []decode.Value{decode.IntegerValue(5)}, KeyColumns: []string{"id"},
		ForeignKey: "of_order", Column: "parent",
	}}}
	logged := &decode.Table{Schema: "s", Name: "lines", PrimaryKey: []int{0}, Columns: []decode.Column{
		{Name: "id", Kind: decode.Integer, Family: "int"}, {Name: "parent", Kind: decode.Integer, Family: "int"},
	}}
	defined := &diff.Definition{
		Name: diff.Name{Schema: "s", Table: "lines"}, PrimaryKey: []int{0},
		Columns: []diff.Column{{Name: "id", Type: "int"}, {Name: "parent", Type: "int"}},
	}
	in.Transactions[2] = classify.Transaction{GTID: child, CommittedAt: at(46), Class: classify.AutoIncrement, Rows: []classify.Row{{
		Row:        decode.Row{Op: decode.Insert, Table: logged, After: []decode.Value{decode.IntegerValue(5), decode.IntegerValue(7)}},
		Definition: defined, Key: []decode.Value{decode.IntegerValue(5)}, Class: classify.AutoIncrement, Reason: "tainted",
	}}}
	return in
}

func TestProposalsAreInEveryExportAndRedacted(t *testing.T) {
	dir, _ := written(t, withProposal())
	page := func(w io.Writer, dir string, reveal bool) error { return report.WriteHTML(w, dir, reveal) }
	for name, write := range map[string]func(io.Writer, string, bool) error{
		"lines": report.CopyTransactions, "page": page, "entities": report.WriteEntitiesNDJSON, "table": report.WriteEntitiesCSV,
	} {
		var hidden, shown bytes.Buffer
		if err := write(&hidden, dir, false); err != nil {
			t.Fatal(err)
		}
		if err := write(&shown, dir, true); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(hidden.String(), "8123") || !strings.Contains(hidden.String(), "of_order") {
			t.Errorf("%s: the new value is shown, or the proposal is missing", name)
		}
		if !strings.Contains(shown.String(), "8123") {
			t.Errorf("%s, revealed: the proposal is missing", name)
		}
	}
}

func TestTheSQLOfAProposalIsACommentThatRemapsChildren(t *testing.T) {
	dir, _ := written(t, withProposal())
	var out bytes.Buffer
	if err := report.WriteSQL(&out, dir); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--     Proposal: give it id = 8123", "--     INSERT INTO `s`.`lines` (`id`, `parent`) VALUES (5, 8123);\n", "(`id`, `secret`, `total`) VALUES (8123, ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	_, rest, _ := strings.Cut(out.String(), "Not replayed: nothing below")
	for line := range strings.Lines(rest) {
		if line != "\n" && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, " is a statement") {
			t.Errorf("%q is no comment", line)
		}
	}
}

func TestAnUpdateOfAMovedRowExpectsItUnderItsNewKey(t *testing.T) {
	in := withProposal()
	later := in.Transactions[1].Rows[0]
	later.Op, later.Before, later.After = decode.Update, values("new"), values("newer")
	in.Transactions[1].Rows = append(in.Transactions[1].Rows, later)
	dir, _ := written(t, in)
	for tx, err := range report.Transactions(dir, true) {
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range tx.Rows {
			if text, err := json.Marshal(row.Proposal); err != nil || (row.Proposal != nil) != (row.Schema == "s" && row.Table != "lines" && tx.GTID.Seq == 2) {
				t.Errorf("%s %s: %s, %v", tx.GTID, row.Table, text, err)
			}
		}
	}
	var out bytes.Buffer
	if err := report.WriteSQL(&out, dir); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "WHERE `id` = 8123 AND `id` = 8123 AND BINARY `secret`") {
		t.Errorf("the update does not expect the row under its new key:\n%s", &out)
	}
}
