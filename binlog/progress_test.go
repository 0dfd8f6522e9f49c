package binlog_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/files/filestest"
)

// TestProgressCoversEveryStage compares nine transactions with a side that has six of them and four of its own.
func TestProgressCoversEveryStage(t *testing.T) {
	old, fresh := filestest.New(1, 0), filestest.New(2, 0)
	for range 6 {
		old.Transaction(30)
		fresh.Transaction(30)
	}
	fresh.After(20)
	for range 4 {
		fresh.Transaction(30)
	}
	for range 3 {
		old.Transaction(30)
	}
	sides := map[string]binlog.Endpoint{}
	for name, f := range map[string]*filestest.File{"old": old, "new": fresh} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		f.Write(t, filepath.Join(dir, "binlog.000001"))
		sides[name] = binlog.Endpoint{Server: name, Files: dir}
	}
	was, err := binlog.Stand(t.Context(), sides["old"])
	if err != nil {
		t.Fatal(err)
	}
	is, err := binlog.Stand(t.Context(), sides["new"])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = binlog.Capture(t.Context(), binlog.CaptureRequest{
		Servers: []binlog.Source{{Endpoint: sides["old"], Extra: was.Executed.Subtract(is.Executed), Executed: was.Executed}},
		Common:  was.Executed.Intersect(is.Executed), Dir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	last, backward := map[string]binlog.Progress{}, false
	_, err = binlog.Compare(t.Context(), binlog.CompareRequest{
		ID: "r1", Cluster: "orders", OldServer: "old", Dir: dir, NewPrimary: sides["new"], Enew: is.Executed,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Progress: func(p binlog.Progress) {
			key := []string{"old", "new", p.Part}[p.Stage]
			before := last[key]
			backward = backward || p.Pass == before.Pass && p.Transactions < before.Transactions
			last[key] = p
		},
	})
	if err != nil || backward {
		t.Fatalf("%v, backward: %v", err, backward)
	}
	if size := last["new"].Bytes; size == 0 || last["old"].Bytes == 0 {
		t.Errorf("%d bytes of the new side, %d of the old one", size, last["old"].Bytes)
	}
	for key, want := range map[string]string{
		"old":         "comparing, pass 2: 3 of 3 transactions, 0 row changes, 0 MB",
		"new":         "comparing, log of the new side: 4 of 4 transactions, 0 row changes, 0 MB",
		"replay.sql":  "writing replay.sql: 3 of 3 transactions, 0 row changes",
		"report.html": "writing report.html: 3 of 3 transactions, 0 row changes",
	} {
		if got := last[key].String(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}
