//go:build integration

package mysql

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// cutShort kills the source while the replica receives a large transaction, so that the replica's relay
// log ends in the middle of it.
func cutShort(t *testing.T, source, replica *instance) {
	t.Helper()
	app := source.application(t)
	for _, s := range []string{"CREATE DATABASE big", "CREATE TABLE big.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)", "INSERT INTO big.t (v) VALUES ('')"} {
		if _, err := app.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	executed := source.scan(t, "SELECT @@GLOBAL.gtid_executed")
	until(t, "the replica has what came before", func() bool {
		return replica.scan(t, fmt.Sprintf("SELECT GTID_SUBSET('%s', @@GLOBAL.gtid_executed)", executed)) == "1"
	})
	go func() {
		conn, err := app.Conn(context.WithoutCancel(t.Context()))
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		statements := []string{"BEGIN"}
		for range 12 { // doublings of rows of 36 kB
			statements = append(statements, "INSERT INTO big.t (v) SELECT REPEAT(UUID(), 1000) FROM big.t")
		}
		for _, s := range append(statements, "COMMIT") {
			_, _ = conn.ExecContext(context.WithoutCancel(t.Context()), s) // the source dies in one of them
		}
	}()
	until(t, "a transaction is being received", func() bool {
		return replica.scan(t, "SELECT queueing_transaction FROM performance_schema.replication_connection_status") != ""
	})
	if err := source.process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "the receiver notices", func() bool {
		return replica.scan(t, "SELECT service_state FROM performance_schema.replication_connection_status") != "ON"
	})
	replica.do(t, "STOP REPLICA IO_THREAD")
	until(t, "the applier is in the middle of it", func() bool {
		return replica.scan(t, "SELECT COUNT(*) FROM performance_schema.replication_applier_status_by_worker WHERE applying_transaction <> ''") != "0"
	})
}

func TestBecomeSourceWithHalfATransaction(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	cutShort(t, all[0], all[1])
	s := lock(t, all[1], 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	f, err := s.BecomeSource(ctx, gtid.Set{}, 0, nil, nil, nil)
	if err != nil || f.Source != nil {
		t.Fatalf("%v; channel %+v", err, f.Source)
	}
	if n := all[1].scan(t, "SELECT COUNT(*) FROM big.t"); n != "1" {
		t.Errorf("%s rows of the transaction that never came whole", n)
	}
}

// TestCloneWithHalfATransaction is about the recipient: neither does the copy wait for the rest, nor does
// the server crash when it is looked at after the restart.
func TestCloneWithHalfATransaction(t *testing.T) {
	t.Parallel()
	all := start(t, 3)
	replicate(t, all)
	cutShort(t, all[0], all[1])
	all[1].do(t, "SET PERSIST_ONLY super_read_only = ON", "SET PERSIST_ONLY skip_replica_start = ON")
	s := lock(t, all[1], 1)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if err := s.Clone(ctx, all[2].address); err != nil {
		t.Fatal(err)
	}
	var f *topology.Facts
	until(t, "it answers again", func() bool {
		p := all[1].Prober()
		defer p.Close()
		var err error
		f, err = p.Observe(t.Context())
		return err == nil
	})
	if want := observeOnce(t, all[2]).Executed; !f.Executed.Equal(want) {
		t.Errorf("executed %s, want %s", f.Executed, want)
	}
}
