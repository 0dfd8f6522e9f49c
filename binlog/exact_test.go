//go:build integration

package binlog_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/truth/classes"
	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
	"github.com/regentdb/regent/truth/workload"
)

var (
	seeds   = flag.Int("seeds", 5, "how many random splits to judge")
	first   = flag.Uint64("first", 1, "the first seed")
	results = flag.String("results", "", "directory of results: a seed that passed is not run again")
)

// size is what each split writes.
var size = workload.Size{History: 80, Old: 250, New: 200, Huge: 2000}

// shown is how many differences of a kind a failure prints.
const shown = 8

// TestExact judges capture and comparison of random splits against the ground truth: what the ledger wrote, what
// mysqlbinlog prints, and the classes by brute force.
func TestExact(t *testing.T) {
	t.Parallel()
	kept := openResults(t, "exact.jsonl")
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	for _, s := range []*server{old, fresh} {
		// A crash is not what is tested here, and without syncing every commit the writers are several times as fast.
		s.run("SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 0")
	}
	ran, seen := 0, make(map[classes.Class]bool)
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		name := fmt.Sprintf("seed=%d", seed)
		if kept[name] {
			continue
		}
		ran++
		passed := t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: go test -tags integration ./binlog -run 'TestExact$' -first %d -seeds 1", seed)
				}
			})
			o, f := *old, *fresh
			o.t, f.t = t, t
			s := &split{t: t, old: &o, fresh: &f, seen: seen}
			s.write(seed)
			s.judge()
		})
		if passed {
			keepResult(t, "exact.jsonl", name)
		}
	}
	for _, class := range classes.Order() {
		if ran >= 5 && !seen[class] {
			t.Errorf("no transaction of %d splits is %s: the workload has lost a class", ran, class)
		}
	}
}

// split is a split of two servers with everything that is known of it.
type split struct {
	t          *testing.T
	old, fresh *server
	// seen are the classes of the whole run.
	seen map[classes.Class]bool

	ledger, other []workload.Entry
	// log is what mysqlbinlog printed of the old side, by GTID.
	log map[string]verbose.Transaction
	// images are what the ledger read, by GTID and table.
	images map[string][]workload.Image

	oldTables, tables map[string]*table.Table
	live              map[string][]table.Row
	want              []classes.Result
	replayed          map[string][]table.Row
}

// write makes the split of a seed on the two servers.
func (s *split) write(seed uint64) {
	plan := workload.New(seed, size)
	for _, server := range []*server{s.old, s.fresh} {
		server.run("SET sql_log_bin = 0", "DROP DATABASE IF EXISTS "+workload.Schema, "SET sql_log_bin = 1", "RESET BINARY LOGS AND GTIDS")
	}
	s.old.run(plan.Schema...)
	o, f := s.side(s.old), s.side(s.fresh)
	o.Next = len(plan.Schema) + 1
	s.run(o, plan.History)
	s.fresh.follow(s.old)
	s.inUTC(f)
	_, begin := s.content(f)
	for _, server := range []*server{s.old, s.fresh} {
		server.run("FLUSH BINARY LOGS")
	}
	s.ledger, s.other = s.run(o, plan.Old), s.run(f, plan.New)
	var end map[string][]table.Row
	s.oldTables, end = s.content(o)
	s.tables, s.live = s.content(f)
	oldLog, newLog := s.read(f)
	s.replays(o, oldLog, plan.Old, s.oldTables, begin, end)
	s.replays(f, newLog, plan.New, s.tables, begin, s.live)
}

func (s *split) side(server *server) *workload.Side {
	s.t.Helper()
	conn, err := server.Admin(s.t).Conn(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &workload.Side{Conn: conn, UUID: server.value("SELECT @@server_uuid"), Next: 1}
}

func (s *split) run(side *workload.Side, transactions []workload.Transaction) []workload.Entry {
	s.t.Helper()
	entries, err := side.Run(s.t.Context(), transactions)
	if err != nil {
		s.t.Fatal(err)
	}
	return entries
}

func (s *split) content(side *workload.Side) (map[string]*table.Table, map[string][]table.Row) {
	s.t.Helper()
	tables, err := table.Read(s.t.Context(), side.Conn, workload.Schema)
	if err != nil {
		s.t.Fatal(err)
	}
	rows, err := side.Content(s.t.Context(), tables)
	if err != nil {
		s.t.Fatal(err)
	}
	return tables, rows
}

// inUTC makes the session read times in UTC.
func (s *split) inUTC(side *workload.Side) {
	s.t.Helper()
	if _, err := side.Conn.ExecContext(s.t.Context(), "SET SESSION time_zone = '+00:00'"); err != nil {
		s.t.Fatal(err)
	}
}

// read reads both logs and works out the classes.
func (s *split) read(f *workload.Side) (oldLog, newLog []verbose.Transaction) {
	s.t.Helper()
	s.images = map[string][]workload.Image{}
	for _, entry := range append(append([]workload.Entry(nil), s.ledger...), s.other...) {
		s.images[entry.GTID] = entry.Images
	}
	s.log = map[string]verbose.Transaction{}
	oldLog, newLog = s.printed(s.old), s.printed(s.fresh)
	for _, tx := range oldLog {
		s.log[tx.GTID] = tx
	}
	s.sameTransactions("mysqlbinlog of the old side", gtidsOf(oldLog), entryGTIDs(s.ledger))
	s.sameTransactions("mysqlbinlog of the new side", gtidsOf(newLog), entryGTIDs(s.other))
	verdict, err := classes.Classify(classes.Input{
		Old: s.convert(f, oldLog), New: s.convert(f, newLog), Tables: s.tables, Live: s.live,
		Weigh: table.NewWeigh(s.t.Context(), f.Conn), Policy: declared(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.want, s.replayed = verdict.Transactions, verdict.Replayed
	return oldLog, newLog
}

// printed runs mysqlbinlog on the log that the server writes to.
func (s *split) printed(server *server) []verbose.Transaction {
	s.t.Helper()
	path := filepath.Join(server.Spec().Dir, "data", server.logFile())
	out, err := mysqlbinlog(s.t.Context(), server, path)
	if err != nil {
		s.t.Fatal(err)
	}
	transactions, err := verbose.Read(bytes.NewReader(out))
	if err != nil {
		s.t.Fatal(err)
	}
	return transactions
}

// mysqlbinlog runs the program that lies beside the mysql client.
func mysqlbinlog(ctx context.Context, server *server, path string) ([]byte, error) {
	var command []string
	for _, word := range server.Client {
		if filepath.Base(word) == "mysql" {
			command = append(command, filepath.Join(filepath.Dir(word), "mysqlbinlog"))
			break
		}
		command = append(command, word)
	}
	command = append(command, "--no-defaults", "-v", "-v", "--base64-output=DECODE-ROWS", "--print-table-metadata", path)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("mysqlbinlog %s: %w: %s", path, err, stderr.String())
	}
	return out, nil
}

// convert puts the log into the words of the classifier. Changes of documents are applied by the server behind the side.
func (s *split) convert(side *workload.Side, log []verbose.Transaction) []classes.Transaction {
	s.t.Helper()
	reader := classes.Reader{Tables: s.tables, Fill: s.fill, Apply: func(change, document string) (string, error) {
		return s.changed(side, change, document)
	}}
	var out []classes.Transaction
	for _, tx := range log {
		converted, err := reader.Convert(tx)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, converted)
	}
	return out
}

// fill finds the n-th image that the ledger read of a table.
func (s *split) fill(gtid, name string, n int) (before, after table.Row, ok bool) {
	for _, image := range s.images[gtid] {
		if image.Table != name {
			continue
		}
		if n == 0 {
			return image.Before, image.After, true
		}
		n--
	}
	return nil, nil, false
}

func gtidsOf(log []verbose.Transaction) []string {
	var out []string
	for _, tx := range log {
		out = append(out, tx.GTID)
	}
	return out
}

func entryGTIDs(ledger []workload.Entry) []string {
	var out []string
	for _, entry := range ledger {
		out = append(out, entry.GTID)
	}
	return out
}

// sameTransactions checks that no transaction is missed or invented, and that they are in order.
func (s *split) sameTransactions(what string, got, want []string) {
	s.t.Helper()
	if len(got) != len(want) {
		s.t.Errorf("%s: %d transactions, the ledger has %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			s.t.Fatalf("%s: transaction %d is %s, in the ledger %s", what, i, got[i], want[i])
		}
	}
}

// judge captures and compares the split and holds the report against the truth.
func (s *split) judge() {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "report")
	if m := captureOf(s.t, dir, s.fresh, s.old); !m.Complete {
		s.t.Fatal(m.Reason)
	}
	request := compareRequest(dir, s.fresh)
	request.Rules = map[binlog.TableName]binlog.TableRule{}
	for name := range s.tables {
		request.Rules[binlog.TableName{Schema: workload.Schema, Table: name}] = binlog.TableRule{
			Mergeable: declared().Mergeable[name], Volatile: declared().Volatile[name],
		}
	}
	summary, err := binlog.Compare(s.t.Context(), request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Log(summary.Sentence)
	s.sameInFiles(request)
	var got []report.Transaction
	var gtids []string
	for tx, err := range report.Transactions(dir, true) {
		if err != nil {
			s.t.Fatal(err)
		}
		got, gtids = append(got, tx), append(gtids, tx.GTID.String())
	}
	s.sameTransactions("report", gtids, entryGTIDs(s.ledger))
	s.sameValues(got)
	s.sameClasses(got)
	if s.t.Failed() {
		return
	}
	if err := s.fresh.pipe(filepath.Join(dir, report.SQLName)); err != nil {
		s.t.Fatalf("replay: %v", err)
	}
	s.sameContent(s.side(s.fresh))
}

// sameClasses compares the classes of all transactions and rows.
func (s *split) sameClasses(got []report.Transaction) {
	s.t.Helper()
	wrong, seen := map[string]int{}, map[string]int{}
	for i, want := range s.want {
		seen[string(want.Class)]++
		s.seen[want.Class] = true
		for j, class := range want.Rows {
			if j < len(got[i].Rows) && got[i].Rows[j].Class.String() != string(class) {
				row := got[i].Rows[j]
				s.differ(wrong, fmt.Sprintf("class %s instead of %s", row.Class, class), "%s row %d: %s %s key %s: %s, before %s after %s live %s",
					want.GTID, j, row.Op, row.Table, imageText(row.Key), row.Reason, imageText(row.Before), imageText(row.After), imageText(row.Live))
			}
		}
		if got[i].Class.String() != string(want.Class) {
			s.differ(wrong, fmt.Sprintf("transaction %s instead of %s", got[i].Class, want.Class), "%s: %s", want.GTID, got[i].Reason)
		}
	}
	s.t.Logf("classes: %v", seen)
	s.total(wrong)
}

// differ reports a difference, the first few of each kind.
func (s *split) differ(counts map[string]int, kind, format string, args ...any) {
	s.t.Helper()
	if counts[kind]++; counts[kind] <= shown {
		s.t.Errorf("%s: "+format, append([]any{kind}, args...)...)
	}
}

func (s *split) total(counts map[string]int) {
	s.t.Helper()
	for kind, n := range counts {
		if n > shown {
			s.t.Errorf("%s: %d in all", kind, n)
		}
	}
}

// sameContent checks that the replay made of the new primary what the trial of the brute force says.
func (s *split) sameContent(f *workload.Side) {
	s.t.Helper()
	s.inUTC(f)
	_, content := s.content(f)
	for name, want := range s.replayed {
		have := map[string]bool{}
		for _, row := range content[name] {
			have[fmt.Sprint(row)] = true
		}
		for _, row := range want {
			if !have[fmt.Sprint(row)] {
				s.t.Errorf("after the replay %s lacks the row %v", name, row)
			}
		}
		if len(content[name]) != len(want) {
			s.t.Errorf("after the replay %s has %d rows, wanted %d", name, len(content[name]), len(want))
		}
	}
}

// declared is the policy of every split.
func declared() classes.Policy {
	mergeable := map[string]bool{}
	for _, name := range []string{"every1", "every2", "every3", "users", "plain", "computed", "parents", "counted", "folded", "isam", "altered_new"} {
		mergeable[name] = true
	}
	return classes.Policy{Mergeable: mergeable, Volatile: map[string][]string{"carts": {"total"}, "plain": {"v"}, "orders": {"n"}, "coded": {"n"}}}
}
