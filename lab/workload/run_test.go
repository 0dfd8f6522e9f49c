package workload_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
	"github.com/regentdb/regent/lab/workload"
)

// server starts a real server and answers it with a workload aimed at it.
func server(t *testing.T, ledger *bytes.Buffer) (*mysqld.Server, workload.Config) {
	t.Helper()
	s := mysqldtest.Start(t, "east-db1", 1, false)
	config := workload.Default()
	config.Run, config.Region, config.Ledger = "t", "east", ledger
	config.User, config.Password = s.Accounts.Application.User, s.Accounts.Application.Password
	config.Servers = []workload.Endpoint{{Name: "east-db1", Region: "east", Address: s.Address()}}
	return s.Server, config
}

func open(t *testing.T, s *mysqld.Server) *sql.DB {
	t.Helper()
	db, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// verify compares the server's rows with the ledger.
func verify(t *testing.T, db *sql.DB, ledger *bytes.Buffer) []workload.Attempt {
	t.Helper()
	attempts, err := workload.ParseLedger(bytes.NewReader(ledger.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := workload.ReadRows(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range workload.Check(attempts, rows) {
		t.Errorf("%+v", finding)
	}
	return attempts
}

func TestRunSurvivesAKill(t *testing.T) {
	t.Parallel()
	var ledger bytes.Buffer
	s, config := server(t, &ledger)
	config.Kind, config.Duration = workload.Mixed, 0
	running, stop := context.WithCancel(t.Context())
	killed := make(chan error, 1)
	time.AfterFunc(1500*time.Millisecond, func() {
		defer stop()
		killed <- errors.Join(s.Kill(), s.Start(t.Context()), written(t, s))
	})
	summary, err := workload.Run(running, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	attempts := verify(t, open(t, s), &ledger)
	if summary.Acknowledged == 0 || summary.Attempted != len(attempts) {
		t.Errorf("summary %+v of %d attempts", summary, len(attempts))
	}
	if summary.Outage.Open || summary.Outage.Duration() <= 0 {
		t.Errorf("the kill left no outage: %+v", summary.Outage)
	}
}

// written returns when several writes were made on the server, so that most of them were also acknowledged.
func written(t *testing.T, s *mysqld.Server) error {
	db := open(t, s)
	var before, now sql.NullInt64
	const sum = "SELECT SUM(amount) FROM " + workload.Table
	if err := db.QueryRowContext(t.Context(), sum).Scan(&before); err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for changes := 0; changes < 5; {
		if err := db.QueryRowContext(t.Context(), sum).Scan(&now); err != nil {
			return err
		}
		if now != before {
			changes++
			before = now
		}
		select {
		case <-limit:
			return errors.New("nobody writes after the restart")
		case <-tick.C:
		}
	}
	return nil
}

func TestRunIsRefusedByReadOnlyServer(t *testing.T) {
	t.Parallel()
	var ledger bytes.Buffer
	s, config := server(t, &ledger)
	config.Duration = 2 * time.Second
	db := open(t, s)
	fence := time.AfterFunc(time.Second, func() {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), "SET GLOBAL super_read_only = ON"); err != nil {
			t.Error(err)
		}
	})
	defer fence.Stop()
	summary, err := workload.Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Refused == 0 || !summary.Outage.Open {
		t.Errorf("summary %+v after the server went read-only", summary)
	}
	verify(t, db, &ledger)

	_, err = workload.Run(t.Context(), config)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a workload without a writable server gave %v", err)
	}
}

func TestKeptConnectionsStay(t *testing.T) {
	t.Parallel()
	var ledger bytes.Buffer
	s, config := server(t, &ledger)
	config.KeepConnections, config.Duration = true, 3*time.Second
	paused := make(chan error, 1)
	time.AfterFunc(time.Second, func() { paused <- s.Pause() })
	time.AfterFunc(2500*time.Millisecond, func() { paused <- s.Resume() })
	summary, err := workload.Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-paused, <-paused); err != nil {
		t.Fatal(err)
	}
	// Every writer waited for its answer instead of giving its connection up.
	if summary.Acknowledged == 0 || summary.Outage.Open {
		t.Errorf("summary %+v after a pause", summary)
	}
	verify(t, open(t, s), &ledger)
}
