//go:build integration

package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/regentdb/regent/topology"
)

func TestObserve(t *testing.T) {
	t.Parallel()
	all := start(t, 3)
	p := all[0].Prober()
	defer p.Close()
	f := observe(t, p)
	if f.UUID == "" || f.ServerID != 1 || !f.Writable() || f.Source != nil || f.On("gtid_mode") != true || f.Boot.Started < 1e9 || f.Boot.Process == 0 {
		t.Fatalf("fresh server: %+v", f)
	}
	replicate(t, all)
	app := all[0].application(t)
	if err := app.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	f = observe(t, p)
	if f.Applications != 2 {
		t.Errorf("%d application connections, want the application's and the administrator's", f.Applications)
	}
	if f.SemiSyncClients() != 2 || len(f.Replicas) != 2 || !f.Replicas[0].Acker || !f.Replicas[1].Acker {
		t.Errorf("replicas %+v, clients %d", f.Replicas, f.SemiSyncClients())
	}
	r := all[1].Prober()
	defer r.Close()
	until(t, "the replica has applied all", func() bool { return observe(t, r).Executed.Contains(f.Executed) })
	g := observe(t, r)
	if !f.ReplicaAttached(g.UUID) {
		t.Errorf("%s is not among %+v", g.UUID, f.Replicas)
	}
	up := g.Source
	if up == nil || up.UUID != f.UUID || up.Address() != all[0].address || up.Receiver != topology.ThreadOn || up.Applier != topology.ThreadOn ||
		!up.AutoPosition || up.ConnectRetry != 1 || up.RetryCount != 4294967295 || up.HeartbeatPeriod != time.Second ||
		up.Filtered || up.Delay != 0 || !up.Received.Equal(f.Executed) || up.LagSeconds == nil || *up.LagSeconds != 0 {
		text, _ := json.Marshal(up)
		t.Errorf("upstream %s", text)
	}
	if !g.StatusOn("rpl_semi_sync_replica_status") || g.Persisted["rpl_semi_sync_replica_enabled"] != "ON" {
		t.Errorf("acker: status %v persisted %v", g.Status, g.Persisted)
	}
	text, _ := json.Marshal(g)
	t.Logf("%d bytes: %s", len(text), text)
	began := time.Now()
	const rounds = 50
	for range rounds {
		observe(t, r)
	}
	t.Logf("a probe takes %s", time.Since(began)/rounds)
}

func TestReachOfRealServer(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	p := db.Prober()
	defer p.Close()
	observe(t, p)
	watched := make(chan error, 1)
	go func() { watched <- db.Watch(t.Context()) }()
	until(t, "the watch is there", func() bool {
		return db.scan(t, "SELECT COUNT(*) FROM performance_schema.processlist WHERE info LIKE '%SLEEP(20)%' AND user = 'regent'") == "1"
	})

	wrong := *db.Server
	wrong.options.Control.Password = "wrong"
	_, err := wrong.Prober().Observe(t.Context())
	if ReachOf(err) != topology.ReachDenied || !errors.Is(err, ErrConnect) {
		t.Errorf("wrong password: %v is %s", err, ReachOf(err))
	}

	if err := db.process.Pause(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	_, err = db.Prober().Observe(short)
	cancel()
	if ReachOf(err) != topology.ReachSilent || ClosedByPeer(err) {
		t.Errorf("paused, new connection: %v is %s", err, ReachOf(err))
	}
	if err := db.process.Resume(); err != nil {
		t.Fatal(err)
	}
	observe(t, p)

	if err := db.process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-watched; !ClosedByPeer(err) || ReachOf(err) != topology.ReachRefused {
		t.Errorf("watch of a killed server: %v", err)
	}
	_, err = p.Observe(t.Context())
	if !ClosedByPeer(err) || ReachOf(err) != topology.ReachRefused {
		t.Errorf("existing connection: %v is %s, closed by peer %v", err, ReachOf(err), ClosedByPeer(err))
	}
	_, err = p.Observe(t.Context())
	if ClosedByPeer(err) || ReachOf(err) != topology.ReachRefused || !errors.Is(err, ErrConnect) {
		t.Errorf("new connection: %v is %s", err, ReachOf(err))
	}
}

func TestWatchTellsContextEnd(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := db.Watch(ctx); !errors.Is(err, context.DeadlineExceeded) || ClosedByPeer(err) {
		t.Errorf("%v", err)
	}
}

func TestPrivileges(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	db.do(t, "CREATE USER boss IDENTIFIED BY 'x'", "GRANT CONNECTION_ADMIN ON *.* TO boss")
	got, err := db.Privileges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Missing) != 0 || len(got.Unfenced) != 2 || got.Unfenced[0] != "'boss'@'%'" || got.Unfenced[1] != "'root'@'%'" {
		t.Errorf("%+v", got)
	}
	weak := *db.Server
	weak.options.Control = Account(db.accounts.Application)
	if got, err = weak.Privileges(t.Context()); err != nil || len(got.Missing) == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
