//go:build integration

package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// TestGlance holds what a probe reads by name against what it reads from the tables.
func TestGlance(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	r := all[1].Prober()
	defer r.Close()
	source := all[0].Prober()
	defer source.Close()
	executed := observe(t, source).Executed
	until(t, "the replica has applied all", func() bool { return observe(t, r).Executed.Contains(executed) })
	until(t, "the two ways agree", func() bool { observe(t, r); return r.link.glance.agreed })
	by := observe(t, r)
	fresh := all[1].Prober()
	defer fresh.Close()
	moving := cmpopts.IgnoreFields(topology.Upstream{}, "Heartbeats", "LagSeconds")
	if diff := cmp.Diff(observe(t, fresh), by, moving, cmp.Comparer(gtid.Set.Equal)); diff != "" {
		t.Errorf("from tables (-) and by name (+):\n%s", diff)
	}

	all[1].do(t, "SET GLOBAL offline_mode = ON", "SET PERSIST sync_binlog = 7")
	if f := observe(t, r); !f.On("offline_mode") || f.Variables["sync_binlog"] != "7" || f.Persisted["sync_binlog"] != "7" {
		t.Errorf("changed settings read back as %v and %v", f.Variables, f.Persisted)
	}
	all[1].do(t, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only = OFF", "UNINSTALL PLUGIN rpl_semi_sync_replica")
	if f := observe(t, r); f.Source != nil || f.Variables["rpl_semi_sync_replica_enabled"] != "" {
		t.Errorf("after the plugin was removed: %v", f.Variables)
	}
	all[1].do(t, "INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'")
	if f := observe(t, r); f.Variables["rpl_semi_sync_replica_enabled"] == "" {
		t.Errorf("after the plugin was installed again: %v", f.Variables)
	}
}

// BenchmarkProbe is the time of a probe on a connection that is new to the server, and on one that knows it.
func BenchmarkProbe(b *testing.B) {
	all := start(b, 2)
	replicate(b, all)
	p := all[1].Prober()
	defer p.Close()
	for range 3 {
		observe(b, p)
	}
	for _, way := range []struct {
		name string
		b    *batch
	}{{"tables", stateBatch(p.server.options)}, {"by name", p.link.glance.batch(p.server.options)}} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.link.run(b.Context(), way.b); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
