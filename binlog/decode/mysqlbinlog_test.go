//go:build integration

package decode_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/truth/verbose"
)

var (
	seeds = flag.Uint64("seeds", 6, "how many random logs to compare with the text of mysqlbinlog")
	first = flag.Uint64("first", 1, "the first seed")
)

// perLog is how many transactions a random log has: the start of mysqlbinlog takes longer than any of them.
const perLog = 250

// TestRandomLogsReadAsMysqlbinlogPrintsThem compares every transaction, row and value of random logs with what
// mysqlbinlog -v -v prints of them: all types of columns, images and documents that a server can write, at their
// edges, and much that it would not.
func TestRandomLogsReadAsMysqlbinlogPrintsThem(t *testing.T) {
	t.Parallel()
	command := mysqlbinlog(t)
	values, kinds := 0, map[string]int{}
	for seed := *first; seed < *first+*seeds; seed++ {
		c := comparison{T: t, seed: seed, kinds: kinds}
		w := randomWriter(draw{Rand: rand.New(rand.NewPCG(seed, 2)), all: true})
		c.same(w, printed(t, command, w))
		values += c.values
		if t.Failed() {
			t.Fatalf("again: go test -tags integration ./binlog/decode -run %s -first %d -seeds 1", t.Name(), seed)
		}
	}
	t.Logf("%d values of %d logs are the same, by type: %v", values, *seeds, kinds)
	for _, kind := range everyPrinted() {
		if kinds[kind] == 0 {
			t.Errorf("no value of type %s was compared", kind)
		}
	}
}

// everyPrinted are the types by mysqlbinlog's names.
func everyPrinted() []string {
	return []string{
		"TINYINT", "SHORTINT", "MEDIUMINT", "INT", "LONGINT", "DECIMAL", "FLOAT", "DOUBLE", "BIT", "ENUM", "SET", "YEAR", "DATE", "TIME",
		"DATETIME", "TIMESTAMP", "STRING", "VARSTRING", "TINYBLOB/TINYTEXT", "BLOB/TEXT", "MEDIUMBLOB/MEDIUMTEXT", "LONGBLOB/LONGTEXT",
		"JSON", "VECTOR", "JSON_REPLACE", "JSON_INSERT", "JSON_ARRAY_INSERT", "JSON_REMOVE",
		verbose.Unprinted,
	}
}

// mysqlbinlog is the command that runs the program of the server that the tests use.
func mysqlbinlog(t *testing.T) []string {
	t.Helper()
	installed, err := mysqld.Locate(t.Context(), mysqld.FromEnvironment(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	return programBeside(installed.ClientCommand(), "mysqlbinlog")
}

// programBeside is the command that runs another program of the directory of the mysql client.
func programBeside(client []string, name string) []string {
	program := slices.IndexFunc(client, func(word string) bool { return filepath.Base(word) == "mysql" })
	return append(slices.Clone(client[:program]), filepath.Join(filepath.Dir(client[program]), name))
}

// printed is what mysqlbinlog prints of a log.
func printed(t *testing.T, command []string, w *writer) []verbose.Transaction {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binlog.000001")
	if err := os.WriteFile(path, w.log, 0o600); err != nil {
		t.Fatal(err)
	}
	words := append(slices.Clone(command), "--no-defaults", "-v", "-v", "--base64-output=decode-rows", "--verify-binlog-checksum")
	if !w.minimal {
		words = append(words, "--print-table-metadata")
	}
	var errs bytes.Buffer
	run := exec.CommandContext(t.Context(), words[0], append(words[1:], path)...)
	run.Stderr = &errs
	text, err := run.Output()
	if err != nil {
		t.Fatalf("mysqlbinlog: %v: %s", err, errs.String())
	}
	out, err := verbose.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// comparison holds a log against what was printed of it.
type comparison struct {
	*testing.T
	seed   uint64
	kinds  map[string]int
	values int
	where  string
}

func (c *comparison) differ(format string, arguments ...any) {
	c.Helper()
	c.Errorf("seed %d, %s: %s", c.seed, c.where, fmt.Sprintf(format, arguments...))
}

// same compares everything.
func (c *comparison) same(w *writer, theirs []verbose.Transaction) {
	n := 0
	for tx, err := range decode.Transactions(bytes.NewReader(w.log)) {
		if err != nil {
			c.Fatalf("seed %d: %v", c.seed, err)
		}
		if n >= len(theirs) {
			c.Fatalf("seed %d: mysqlbinlog prints %d transactions", c.seed, len(theirs))
		}
		c.where = tx.GTID.String()
		c.transaction(tx, w.wrote[n], theirs[n])
		n++
	}
	if n != len(theirs) || n != len(w.wrote) {
		c.Errorf("seed %d: %d transactions of %d, mysqlbinlog prints %d", c.seed, n, len(w.wrote), len(theirs))
	}
}

func (c *comparison) transaction(tx *decode.Transaction, w wrote, theirs verbose.Transaction) {
	if tx.GTID.String() != theirs.GTID || uint64(tx.CommittedAt.UnixMicro()) != theirs.Committed || tx.Size != theirs.Size {
		c.differ("%v, %d bytes; mysqlbinlog prints %s, %d, %d bytes", tx.CommittedAt, tx.Size, theirs.GTID, theirs.Committed, theirs.Size)
	}
	if len(tx.Undecodable) > 0 || !slices.Equal(tx.Opaque, w.opaque) {
		c.differ("undecodable %q, opaque %q, want %q", tx.Undecodable, tx.Opaque, w.opaque)
	}
	if len(tx.Statements) != len(theirs.Statements) || len(tx.Rows) != len(w.rows) {
		c.differ("%d rows of %d, %d statements, mysqlbinlog prints %d", len(tx.Rows), len(w.rows), len(tx.Statements), len(theirs.Statements))
		return
	}
	for i, s := range tx.Statements {
		if got := (verbose.Statement{Schema: s.Schema, Text: s.Text}); got != theirs.Statements[i] {
			c.differ("statement %+v, mysqlbinlog prints %+v", got, theirs.Statements[i])
		}
	}
	c.rows(tx, w, theirs.Rows)
}

// rows compares the rows. Behind a value that mysqlbinlog cannot print, the rest of its event is not printed either.
func (c *comparison) rows(tx *decode.Transaction, w wrote, theirs []verbose.Row) {
	for i := 0; i < len(tx.Rows); i++ {
		if len(theirs) == 0 {
			c.differ("row %d and those behind it are not printed", i)
			return
		}
		c.row(tx.Rows[i], w.rows[i].table, theirs[0])
		c.changes(w.rows[i], theirs[0])
		if w.rows[i].as > 0 && !slices.Equal(tx.Rows[i].After, tx.Rows[w.rows[i].as].After) {
			c.differ("row %d: the changed documents are %v, want %v", i, tx.Rows[i].After, tx.Rows[w.rows[i].as].After)
		}
		for theirs[0].Cut && i+1 < len(tx.Rows) && w.rows[i+1].event == w.rows[i].event {
			i++
		}
		theirs = theirs[1:]
	}
	if len(theirs) > 0 {
		c.differ("mysqlbinlog prints %d rows more", len(theirs))
	}
}

func (c *comparison) row(ours decode.Row, t *drawn, theirs verbose.Row) {
	if ours.Op.String() != string(theirs.Op) || ours.Table.Schema != theirs.Schema || ours.Table.Name != theirs.Table {
		c.differ("%s %s.%s; mysqlbinlog prints %s %s.%s", ours.Op, ours.Table.Schema, ours.Table.Name, theirs.Op, theirs.Schema, theirs.Table)
		return
	}
	c.description(ours.Table, t, theirs.Description)
	c.image(t, ours.Before, theirs.Before, theirs.Cut)
	c.image(t, ours.After, theirs.After, theirs.Cut)
}

// changes wants the places of the changes of a document in the expression that is printed of them, in their order, each
// behind the function of its operation.
func (c *comparison) changes(w wroteRow, theirs verbose.Row) {
	for column, list := range w.changes {
		if column >= len(theirs.After) || theirs.After[column].Type == verbose.Unprinted {
			continue // Behind what could not be printed.
		}
		rest, printed := theirs.After[column].Text, theirs.After[column].Change
		for _, change := range list {
			place := "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(change.Path) + "'"
			_, behind, ok := strings.Cut(rest, place)
			printed, rest = printed && ok, behind
			c.kinds[operation(change)]++
			printed = printed && strings.Contains(theirs.After[column].Text, operation(change)+"(")
		}
		if !printed {
			c.differ("column %d: of %d changes, the first at %s, mysqlbinlog prints %.600s", column+1, len(list), list[0].Path, theirs.After[column].Text)
		}
	}
}

// operation is the function that is printed for a change.
func operation(c decodetest.JSONChange) string {
	if c.Operation == insertIt && strings.HasSuffix(c.Path, "]") {
		return "JSON_ARRAY_INSERT"
	}
	return []string{"JSON_REPLACE", "JSON_INSERT", "JSON_REMOVE"}[c.Operation]
}

// description compares names and keys, where the log has them.
func (c *comparison) description(ours *decode.Table, t *drawn, theirs verbose.Description) {
	if t.Minimal {
		if ours.Named() || ours.PrimaryKey != nil {
			c.differ("names in minimal metadata")
		}
		return
	}
	var key []string
	for i, column := range ours.PrimaryKey {
		name := ours.Columns[column].Name
		if t.Prefix != nil && t.Prefix[i] > 0 {
			name += fmt.Sprintf("(%d)", t.Prefix[i])
		}
		key = append(key, name)
	}
	if got := strings.Join(key, ", "); got != theirs.PrimaryKey {
		c.differ("the key is %q, mysqlbinlog prints %q", got, theirs.PrimaryKey)
	}
	if len(ours.Columns) != len(theirs.Columns) {
		c.differ("%d columns, mysqlbinlog prints %d", len(ours.Columns), len(theirs.Columns))
		return
	}
	for i, column := range theirs.Columns {
		if ours.Columns[i].Name != column.Name {
			c.differ("column %q, mysqlbinlog prints %q", ours.Columns[i].Name, column.Name)
		}
	}
}

func (c *comparison) image(t *drawn, ours []decode.Value, theirs []verbose.Value, cut bool) {
	for i, v := range ours {
		has := verbose.Value{}
		if i < len(theirs) {
			has = theirs[i]
		}
		if cut && has.Type == verbose.Absent {
			return // Behind what could not be printed.
		}
		c.values++
		c.kinds[has.Type]++
		if !sameText(t.columns[i], v, has) {
			c.differ("column %d of type %d %v: %d %.300q, mysqlbinlog prints %+.300v", i+1, t.columns[i].Type, t.columns[i].Meta, v.Kind, v.Text, has)
		}
	}
}
