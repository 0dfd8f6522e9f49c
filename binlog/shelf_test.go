//go:build integration

package binlog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// shelf is the files of a server.
func (s *server) shelf() binlog.Endpoint {
	return binlog.Endpoint{Server: s.Spec().Name, Files: filepath.Join(s.Spec().Dir, "data")}
}

// captureFrom captures what one side has beyond the set.
func captureFrom(t *testing.T, from binlog.Endpoint, executed gtid.Set) (string, binlog.Manifest) {
	t.Helper()
	standing, err := binlog.Stand(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "report")
	m, err := binlog.Capture(t.Context(), binlog.CaptureRequest{
		Servers: []binlog.Source{{Endpoint: from, Extra: standing.Executed.Subtract(executed), Executed: standing.Executed}},
		Common:  standing.Executed.Intersect(executed), Dir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func listing(t *testing.T, dir string, fresh *server) string {
	t.Helper()
	if _, err := binlog.Compare(t.Context(), compareRequest(dir, fresh)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := report.CopyTransactions(&out, dir, true); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFilesGiveTheReportOfTheServer(t *testing.T) {
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	old.run("FLUSH BINARY LOGS")
	want := oldSide(old)
	newSide(fresh)
	enew := fresh.executed()

	asked, fromServer := captureFrom(t, old.endpoint(), enew)
	uuid := old.value("SELECT @@server_uuid")
	old.Close()
	read, fromFiles := captureFrom(t, old.shelf(), enew)
	if !fromServer.Complete || !fromFiles.Complete || !fromFiles.Captured.Equal(fromServer.Captured) {
		t.Fatalf("from the server %s (%s), from files %s (%s)", fromServer.Captured, fromServer.Reason, fromFiles.Captured, fromFiles.Reason)
	}
	if got := fromFiles.Servers[0].UUID; got != uuid {
		t.Errorf("the files are of %q, the server was %q", got, uuid)
	}
	a, b := fromServer.Servers[0].Files[0], fromFiles.Servers[0].Files[0]
	if a.Transactions != len(want) || a.Transactions != b.Transactions {
		t.Errorf("%d transactions from the server, %d from files, want %d", a.Transactions, b.Transactions, len(want))
	}
	if diff := cmp.Diff(strings.Split(listing(t, asked, fresh), "\n"), strings.Split(listing(t, read, fresh), "\n")); diff != "" {
		t.Errorf("reports (-server +files)\n%s", diff)
	}

	if err := fresh.db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := compareRequest(read, fresh)
	r.NewPrimary = fresh.shelf()
	summary, err := binlog.Compare(t.Context(), r)
	if err != nil || !summary.Complete || summary.Listed != len(want) {
		t.Fatalf("files on both sides: %+v, %v", summary, err)
	}
	if len(summary.ByClass) != 2 || summary.ByClass["NOOP"] == 0 || summary.ByClass["OPAQUE"] == 0 {
		t.Errorf("without live rows: %v, want NOOP and OPAQUE", summary.ByClass)
	}
	for tx, err := range report.Transactions(read, false) {
		if err != nil || tx.Class.String() == "OPAQUE" && !strings.Contains(tx.Reason, "no live row was read") {
			t.Errorf("%s: %s, %v", tx.GTID, tx.Reason, err)
		}
	}
}

func TestATornFileOfARealServerIsIncomplete(t *testing.T) {
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(schema()...)
	fresh.follow(old)
	first := old.statement("UPDATE shop.orders SET total=11 WHERE id=1")
	last := old.statement("UPDATE shop.orders SET total=12 WHERE id=2")
	path := filepath.Join(old.shelf().Files, old.logFile())
	old.Close()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, log[:len(log)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	dir, m := captureFrom(t, old.shelf(), fresh.executed())
	if m.Complete || m.Captured.String() != first || !strings.Contains(m.Reason, last+" is torn") {
		t.Errorf("complete %v, captured %s: %s", m.Complete, m.Captured, m.Reason)
	}
	summary, err := binlog.Compare(t.Context(), compareRequest(dir, fresh))
	if err != nil || summary.Complete || !strings.Contains(summary.Sentence, last) {
		t.Errorf("%v: %s, %v", summary.Complete, summary.Sentence, err)
	}
}

func TestARelayLogIsASource(t *testing.T) {
	old, replica, fresh := newServer(t, "east-db1", 1), newServer(t, "east-db2", 2), newServer(t, "west-db1", 3)
	old.run(schema()...)
	replica.follow(old)
	fresh.follow(old)
	replica.run(fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='%s', "+
		"SOURCE_PASSWORD='%s', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1",
		old.Spec().Address.Addr(), old.Spec().Address.Port(), old.Accounts.Controller.User, old.Accounts.Controller.Password), "START REPLICA IO_THREAD")
	want := map[string]string{
		old.statement("UPDATE shop.orders SET total=11 WHERE id=1"): "SAFE",
		old.statement("UPDATE shop.orders SET total=12 WHERE id=2"): "SAFE",
	}
	replica.waitFor(old.executed().Subtract(fresh.executed()))
	relay := replica.shelf()
	relay.Files = filepath.Join(relay.Files, filepath.Base(replica.value("SELECT @@relay_log_index")))
	replica.Close()
	dir, m := captureFrom(t, relay, fresh.executed())
	if !m.Complete {
		t.Fatal(m.Reason)
	}
	if _, err := binlog.Compare(t.Context(), compareRequest(dir, fresh)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, classesOf(t, dir)); diff != "" {
		t.Errorf("classes: (-want +got)\n%s", diff)
	}
}

// waitFor waits until the receiver of the server has a set.
func (s *server) waitFor(set gtid.Set) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		received := gtid.MustParse(s.value("SELECT received_transaction_set FROM performance_schema.replication_connection_status"))
		if received.Contains(set) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("received %s, not %s", received, set)
		}
	}
}

// TestFilesDoNotTellWhatAServerWasGivenWithoutALog: a server that was cloned or loaded has GTIDs that no file of it
// names, not even later ones. What they leave out is found by comparing with another server.
func TestFilesDoNotTellWhatAServerWasGivenWithoutALog(t *testing.T) {
	const other = "00000000-0000-0000-0000-00000000000a"
	s := newServer(t, "east-db1", 1)
	s.run("RESET BINARY LOGS AND GTIDS", "SET GLOBAL gtid_purged='"+other+":1-10:blue:3'",
		"CREATE DATABASE shop", "SET gtid_next='"+other+":11'", "CREATE DATABASE shop2", "SET gtid_next='AUTOMATIC'",
		"FLUSH BINARY LOGS", "CREATE DATABASE shop3")
	want := s.executed()
	s.Close()
	standing, err := binlog.Stand(t.Context(), s.shelf())
	if err != nil {
		t.Fatal(err)
	}
	given := gtid.MustParse(other + ":1-10:blue:3")
	if got := want.Subtract(standing.Executed); !got.Equal(given) {
		t.Errorf("the files leave out %s, want %s", got, given)
	}
	whole := binlog.Standing{Executed: want, Purged: gtid.MustParse(other + ":blue:3")}
	if got := binlog.Unlogged(standing.Executed, whole); !got.Equal(given) {
		t.Errorf("found %s, want %s", got, given)
	}
}
