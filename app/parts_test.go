package app

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

func TestStagesStopInReverse(t *testing.T) {
	var trace []string
	part := func(name string) stage {
		return stage{name, func(ctx context.Context) error {
			<-ctx.Done()
			trace = append(trace, name) // Stages stop one after the other.
			return nil
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runStages(ctx, []stage{part("observer"), part("raft"), part("api")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"api", "raft", "observer"}, trace); diff != "" {
		t.Errorf("stopped (-want +got):\n%s", diff)
	}
}

func TestFailedStageEndsTheOthers(t *testing.T) {
	errDisk := errors.New("disk full")
	err := runStages(t.Context(), []stage{
		{"observer", func(ctx context.Context) error { <-ctx.Done(); return nil }},
		{"raft", func(context.Context) error { return errDisk }},
		{"api", func(ctx context.Context) error { <-ctx.Done(); return nil }},
	})
	if !errors.Is(err, errDisk) || !strings.HasPrefix(err.Error(), "raft: ") {
		t.Errorf("the error of the failed part: %v", err)
	}
}

func TestSystemdIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := tellSystemd(t.Context(), path, serviceReady); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	n, err := conn.Read(got)
	if err != nil || string(got[:n]) != "READY=1" {
		t.Errorf("systemd heard %q, %v", got[:n], err)
	}
	if err := tellSystemd(t.Context(), "", serviceReady); err != nil {
		t.Errorf("without systemd: %v", err)
	}
}

func TestReportsCopy(t *testing.T) {
	r := &reports{dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(r.dir, "orders-e2-7"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(r.dir, "orders-e2-7"), "report.json", "{}")
	write(t, r.dir, "report.json", "not a report's")
	var text strings.Builder
	if err := r.Copy(t.Context(), &text, "orders-e2-7", api.PartSummary, false); err != nil || text.String() != "{}" {
		t.Errorf("summary: %q, %v", text.String(), err)
	}
	for _, id := range []string{"orders-e2-8", "", ".", "..", "../reports", "/etc", `a\b`} {
		if err := r.Copy(t.Context(), io.Discard, id, api.PartSummary, false); !errors.Is(err, api.ErrNoReport) {
			t.Errorf("report %q: %v", id, err)
		}
	}
	if err := r.Copy(t.Context(), io.Discard, "orders-e2-7", "passwd", false); !errors.Is(err, api.ErrNoReport) {
		t.Errorf("an unknown part: %v", err)
	}
}

const (
	uuidA = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562"
	uuidB = "bbbbbbbb-71ca-11e1-9e33-c80aa9429562"
)

func set(t *testing.T, text string) gtid.Set {
	t.Helper()
	s, err := gtid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCommonIsWhatAllHoldersShareBesidesTheExtras(t *testing.T) {
	holders := []binlog.Source{
		{Executed: set(t, uuidA+":1-103"), Extra: set(t, uuidA+":101-103")},
		{Executed: set(t, uuidA+":1-102"), Extra: set(t, uuidA+":101-102")},
		{Executed: set(t, uuidA+":1-90:101"), Extra: set(t, uuidA+":101")},
	}
	got := common(holders, set(t, uuidA+":101-103"))
	if want := set(t, uuidA+":1-90"); !got.Equal(want) {
		t.Errorf("common: %s", got)
	}
}

func TestRulesOfThePolicyReachTheComparison(t *testing.T) {
	got := rules(policy.Reconcile{Tables: []policy.TableRule{
		{Table: "shop.orders", Volatile: []string{"seen"}, Harmless: []string{"id"}}, {Table: "shop.a.b", Mergeable: true},
	}})
	want := map[binlog.TableName]binlog.TableRule{
		{Schema: "shop", Table: "orders"}: {Volatile: []string{"seen"}, Harmless: []string{"id"}},
		{Schema: "shop", Table: "a.b"}:    {Mergeable: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAcknowledged(t *testing.T) {
	server := func(name, region string) policy.ServerSpec { return policy.ServerSpec{Name: name, Region: region} }
	cluster := fsm.Cluster{
		Spec: policy.ClusterSpec{
			Policy:  policy.DefaultPolicy(),
			Servers: []policy.ServerSpec{server("east-db1", "east"), server("east-db2", "east"), server("east-db3", "east"), server("west-db1", "west")},
		},
		State: failover.State{Servers: map[string]failover.Member{"east-db1": {UUID: uuidA}}},
		History: []failover.Event{
			{Kind: "failover", Epoch: 2, Evidence: []failover.Evidence{{Server: "east-db1", Kind: failover.EvidenceAcksRevoked}}},
			{Kind: "override", Epoch: 3},
		},
	}
	facts := func(uuid, executed string) *topology.Facts {
		return &topology.Facts{UUID: uuid, Executed: set(t, executed)}
	}
	view := func(db2, db3 *topology.Facts) topology.View {
		v := topology.Assemble(cluster.Spec.Identities(), nil, time.Second)
		v.Servers[0].Facts = facts(uuidA, uuidA+":1-10")
		v.Servers[1].Facts, v.Servers[2].Facts = db2, db3
		v.Servers[3].Facts = facts(uuidB, uuidA+":1-10") // Elsewhere, so it acknowledges nothing.
		return v
	}
	has, lacks := facts("c", uuidA+":1-10"), facts("d", uuidA+":1-9")
	last := gtid.GTID{UUID: uuidA, Seq: 10}
	for name, c := range map[string]struct {
		epoch uint64
		view  topology.View
		tx    gtid.GTID
		want  string
	}{
		"promotion rule":   {2, view(has, has), last, "no"},
		"enough ackers":    {3, view(has, lacks), last, "yes"},
		"one is not seen":  {3, view(lacks, nil), last, "unknown"},
		"enough without":   {3, view(has, nil), last, "yes"},
		"on no acker":      {3, view(lacks, lacks), last, "no"},
		"stranger's write": {3, view(has, has), gtid.GTID{UUID: "eeeeeeee-71ca-11e1-9e33-c80aa9429562", Seq: 1}, "unknown"},
	} {
		if got := acknowledged(&cluster, c.view, c.epoch)(c.tx); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	cluster.Spec.Policy.Durability = policy.DurabilityAsync
	if got := acknowledged(&cluster, view(has, has), 2)(last); got != "unknown" {
		t.Errorf("without acknowledgements: %s", got)
	}
}

func TestNear(t *testing.T) {
	primary := topology.Server{Region: "east", Site: "e1"}
	node := func(id, region, site string) fsm.Node { return fsm.Node{ID: id, Region: region, Site: site} }
	e1, e2, w1 := node("a", "east", "e1"), node("b", "east", "e2"), node("c", "west", "e1")
	for name, c := range map[string]struct {
		self   fsm.Node
		others []fsm.Node
		want   bool
	}{
		"in its site":                    {e1, []fsm.Node{e2, w1}, true},
		"in its region, beside its site": {e2, []fsm.Node{e1, w1}, false},
		"in its region, none nearer":     {e2, []fsm.Node{w1}, true},
		"elsewhere":                      {w1, []fsm.Node{e2}, false},
		"elsewhere, as all are":          {w1, nil, true},
	} {
		nodes := map[string]fsm.Node{c.self.ID: c.self}
		for _, n := range c.others {
			nodes[n.ID] = n
		}
		if got := near(c.self, primary, nodes); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAPreviewShowsSomeMergedRows(t *testing.T) {
	t.Parallel()
	one := replay.Merged{
		Table: diff.Name{Schema: "shop", Table: "users"}, Columns: []string{"name", "doc"},
		Row: report.Image{{Column: "id", Value: []byte("1")}, {Column: "name", Value: []byte(`"#0123"`)}},
	}
	got := mergedLines(slices.Repeat([]replay.Merged{one}, shownMerged+2))
	if want := `a row of shop.users would be {"id":1,"name":"#0123"}, with name, doc of the old side`; len(got) != shownMerged+1 || got[0] != want {
		t.Errorf("%d lines: %q", len(got), got)
	}
	if got[shownMerged] != "2 more rows would be merged" || mergedLines(nil) != nil {
		t.Errorf("%q", got)
	}
}
