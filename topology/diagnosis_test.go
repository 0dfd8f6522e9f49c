package topology_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/topology"
)

const (
	fresh     = 1500 * time.Millisecond
	hangAfter = 2 * time.Second
)

// seen is what the three nodes see of one server: east-1, west-1 and cloud-1, in that order.
type seen [3]topology.Sight

// all is the same sight at every node.
func all(s topology.Sight) seen { return seen{s, s, s} }

func ok(f topology.Facts) topology.Sight {
	return topology.Sight{Reach: topology.ReachOK, Since: time.Minute, LastAnswer: 100 * time.Millisecond, Facts: &f}
}

func silent(since time.Duration, f topology.Facts) topology.Sight {
	return topology.Sight{Reach: topology.ReachSilent, Since: since, LastAnswer: since, Facts: &f}
}

func refused(since time.Duration, times int, f topology.Facts) topology.Sight {
	return topology.Sight{Reach: topology.ReachRefused, Since: since, LastAnswer: since + 50*time.Millisecond, ConnectionLost: true, Refusals: times, Facts: &f}
}

func primary() topology.Facts {
	return topology.Facts{UUID: "p", Variables: map[string]string{"read_only": "OFF", "super_read_only": "OFF"}}
}

func booted() topology.Facts {
	return topology.Facts{UUID: "p", Variables: map[string]string{"read_only": "ON", "super_read_only": "ON"}}
}

func replica(receiver topology.ThreadState, silentFor time.Duration) topology.Facts {
	return topology.Facts{Source: &topology.Upstream{Receiver: receiver, SilentFor: silentFor}}
}

// view assembles the sights of two servers in east and two in west; gone nodes are known and silent.
func view(db1, db2 seen, gone ...string) topology.View {
	servers := []topology.Server{
		{Name: "db1", Address: "a:1", Region: "east", Site: "e"},
		{Name: "db2", Address: "a:2", Region: "east", Site: "e"},
		{Name: "w1", Address: "a:3", Region: "west", Site: "w"},
	}
	var reports []topology.Received
	for i, region := range []string{"east", "west", "cloud"} {
		r := topology.Report{Node: region + "-1", Region: region, Site: region}
		age := 10 * time.Millisecond
		if strings.Contains(strings.Join(gone, " "), r.Node) {
			age = time.Minute
		}
		for name, s := range map[string]topology.Sight{"db1": db1[i], "db2": db2[i], "w1": ok(replica(topology.ThreadOn, 0))} {
			s.Server = name
			r.Sights = append(r.Sights, s)
		}
		reports = append(reports, topology.Received{Report: r, Age: age})
	}
	return topology.Assemble(servers, reports, fresh)
}

func TestDiagnose(t *testing.T) {
	healthy, off := ok(replica(topology.ThreadOn, 0)), ok(replica(topology.ThreadConnecting, 0))
	starved := ok(replica(topology.ThreadOn, 3*time.Second))
	gone := silent(3*time.Second, primary())
	tests := map[string]struct {
		db1, db2 seen
		nodes    []string // that are gone
		want     topology.Condition
		reason   string // a part of it
	}{
		"healthy":   {db1: all(ok(primary())), db2: all(healthy), want: topology.PrimaryHealthy},
		"read-only": {db1: all(ok(booted())), db2: all(healthy), want: topology.PrimaryReadOnly},
		"one node suffices": {
			db1: seen{gone, gone, ok(primary())}, db2: all(healthy), want: topology.PrimaryHealthy,
		},
		"a refusal at one node only, answered elsewhere since": {
			db1: seen{refused(time.Second, 5, primary()), ok(primary()), ok(primary())}, db2: all(healthy), want: topology.PrimaryHealthy,
		},
		"an answer from before the refusal does not stand": {
			db1:  seen{refused(10*time.Millisecond, 2, primary()), ok(primary()), ok(primary())},
			db2:  all(off),
			want: topology.PrimaryDead, reason: "db1 refuses connections (seen by east-1) and db2 lost it",
		},
		"one refusal is none": {
			db1: all(refused(10*time.Millisecond, 1, primary())), db2: all(off), want: topology.PrimaryUnseen,
		},
		"refused, and a replica holds it": {
			db1: all(refused(time.Second, 4, primary())), db2: all(healthy), want: topology.PrimaryUnseen, reason: "db2 still receives from it",
		},
		"refused, and no replica can be asked": {
			db1: all(refused(time.Second, 4, primary())), db2: all(silent(time.Minute, replica(topology.ThreadOn, 0))), want: topology.PrimaryUnseen,
			reason: "no replica of its region can be asked",
		},
		"dead": {db1: all(refused(time.Second, 4, primary())), db2: all(off), want: topology.PrimaryDead},
		"silent not long enough": {
			db1: all(silent(1900*time.Millisecond, primary())), db2: all(starved), want: topology.PrimaryUnseen, reason: "not yet silent for 2s",
		},
		"hung": {db1: all(gone), db2: all(starved), want: topology.PrimaryHung, reason: "db2 got nothing from it"},
		"silent to nodes, and a replica hears it": {
			db1: all(gone), db2: all(healthy), want: topology.PrimaryUnseen, reason: "db2 still receives from it",
		},
		"silent to one site only": {
			db1: all(gone), db2: all(starved), nodes: []string{"west-1", "cloud-1"}, want: topology.PrimaryUnseen,
		},
		"silent to two, unknown to a node just started": {
			db1: seen{gone, gone, {Reach: topology.ReachUnknown, LastAnswer: topology.Never}}, db2: all(starved), want: topology.PrimaryUnseen,
		},
		"denied is an answer of sorts, no death": {
			db1: all(topology.Sight{Reach: topology.ReachDenied, Since: time.Minute, LastAnswer: time.Minute, Error: "access denied"}), db2: all(healthy),
			want: topology.PrimaryUnseen, reason: "denied (access denied) to cloud-1",
		},
		"the region is silent, its node too": {
			db1: all(gone), db2: all(silent(3*time.Second, replica(topology.ThreadOn, 0))), nodes: []string{"east-1"},
			want: topology.RegionIsolated, reason: "and so is node east-1",
		},
		"the region's servers are silent, its node lives": {
			db1: all(gone), db2: all(silent(3*time.Second, replica(topology.ThreadOn, 0))),
			want: topology.RegionIsolated, reason: "though a node there lives",
		},
		"one of the region's servers refuses: no partition": {
			db1: all(gone), db2: all(refused(3*time.Second, 4, replica(topology.ThreadOn, 0))), want: topology.PrimaryUnseen,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := view(tt.db1, tt.db2, tt.nodes...)
			d := topology.Diagnose(&v, topology.Question{Primary: "db1", Ackers: []string{"db2"}, HangAfter: hangAfter})
			if d.Condition != tt.want || !strings.Contains(d.Reason, tt.reason) {
				t.Errorf("got %s: %s; want %s: …%s…", d.Condition, d.Reason, tt.want, tt.reason)
			}
		})
	}
}

func TestDiagnoseWithoutPrimary(t *testing.T) {
	v := view(all(ok(primary())), all(ok(replica(topology.ThreadOn, 0))))
	if d := topology.Diagnose(&v, topology.Question{Primary: "nobody"}); d.Condition != topology.PrimaryUnknown {
		t.Errorf("got %+v", d)
	}
}

func TestAssemblePrefersTheFreshestAnswerAndDropsOldReports(t *testing.T) {
	old, young := primary(), primary()
	old.Version, young.Version = "old", "young"
	a, b := ok(old), ok(young)
	a.LastAnswer, b.LastAnswer = 900*time.Millisecond, 200*time.Millisecond
	b.Began, b.Ended = time.Second, 1300*time.Millisecond
	v := view(seen{a, b, a}, all(ok(replica(topology.ThreadOn, 0))), "cloud-1")
	s := v.Find("db1")
	if s.Facts.Version != "young" || s.By != "west-1" || s.Age != 210*time.Millisecond || s.Asked != 510*time.Millisecond {
		t.Errorf("got %s by %s, age %s, asked %s", s.Facts.Version, s.By, s.Age, s.Asked)
	}
	if len(s.Sights) != 2 {
		t.Errorf("a report of a minute ago testifies: %d sights", len(s.Sights))
	}
	if got := v.Current("db1"); got == nil || v.Current("nobody") != nil {
		t.Errorf("current: %v", got)
	}
	if v.ByAddress("a:2").Name != "db2" || v.ByUUID("p").Name != "db1" || v.ByAddress("a:9") != nil || v.ByUUID("q") != nil {
		t.Error("servers are not found by address or uuid")
	}
	if diff := cmp.Diff([]string{"east", "west"}, s.Sites(func(topology.NodeSight) bool { return true })); diff != "" {
		t.Error(diff)
	}
}

func TestFacts(t *testing.T) {
	boots := func(change func(*topology.Facts)) *topology.Facts {
		f := &topology.Facts{
			Variables: map[string]string{"persisted_globals_load": "ON", "init_file": ""},
			Persisted: map[string]string{"super_read_only": "ON", "skip_replica_start": "1"},
		}
		change(f)
		return f
	}
	for name, tt := range map[string]struct {
		f    *topology.Facts
		want bool
	}{
		"as regent sets it":       {boots(func(*topology.Facts) {}), true},
		"persisted off":           {boots(func(f *topology.Facts) { f.Persisted["super_read_only"] = "OFF" }), false},
		"nothing persisted":       {boots(func(f *topology.Facts) { f.Persisted = nil }), false},
		"replication starts":      {boots(func(f *topology.Facts) { delete(f.Persisted, "skip_replica_start") }), false},
		"persisted not loaded":    {boots(func(f *topology.Facts) { f.Variables["persisted_globals_load"] = "OFF" }), false},
		"an init file":            {boots(func(f *topology.Facts) { f.Variables["init_file"] = "/x" }), false},
		"variables were not seen": {&topology.Facts{}, false},
	} {
		if got := tt.f.BootsReadOnly(); got != tt.want {
			t.Errorf("%s: boots read-only %t", name, got)
		}
	}
	half := topology.Facts{Variables: map[string]string{"super_read_only": "ON", "read_only": "OFF"}}
	if half.Writable() || half.ReadOnly() {
		t.Error("a server between the two is neither writable nor read-only")
	}
}

func TestSecluded(t *testing.T) {
	inside := seen{ok(primary()), silent(time.Second, primary()), silent(time.Second, primary())}
	v := view(inside, seen{ok(replica(topology.ThreadOn, 0)), silent(time.Second, primary()), silent(time.Second, primary())})
	if reason, cut := topology.Secluded(&v, "east"); !cut || !strings.Contains(reason, "silent to cloud-1, west-1") {
		t.Errorf("got %t %s", cut, reason)
	}
	v = view(inside, all(ok(replica(topology.ThreadOn, 0))))
	if reason, cut := topology.Secluded(&v, "east"); cut {
		t.Errorf("one server that answers outside is no partition: %s", reason)
	}
	if _, cut := topology.Secluded(&v, "west"); cut {
		t.Error("west is not cut off")
	}
}
