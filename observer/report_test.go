package observer

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

func TestReceiveKeepsTheNewest(t *testing.T) {
	w := newWorld()
	for _, step := range []struct {
		node, boot string
		seq        uint64
		news       bool
	}{
		{"n2", "a", 5, true},
		{"n2", "a", 4, false},
		{"n2", "a", 5, false},
		{"n2", "a", 6, true},
		{"n2", "b", 1, true},
		{"n2", "a", 7, false}, // a late report of the process before
		{"n2", "b", 2, true},
		{"n1", "x", 1, false}, // nobody else speaks for this node
		{"stranger", "x", 1, false},
	} {
		got := w.Receive(topology.Report{Node: step.node, Boot: step.boot, Seq: step.seq})
		if got != step.news {
			t.Errorf("%s boot %s seq %d: news %t", step.node, step.boot, step.seq, got)
		}
	}
}

func TestSupersededBootsAreBounded(t *testing.T) {
	w := newWorld()
	for i := range 100 {
		w.Receive(topology.Report{Node: "n2", Boot: string(rune('a' + i)), Seq: 1})
	}
	if n := len(w.heard["n2"].past); n != bootsKept {
		t.Errorf("%d boots are remembered", n)
	}
}

func TestViewNamesNodesNeverHeardFrom(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.SetNode(Node{ID: "n3", Site: "cloud-a", Region: "cloud"})
		w.Receive(topology.Report{Node: "n2", Site: "west-a", Region: "west", Boot: "b", Seq: 1, Sights: []topology.Sight{
			{Server: "db1", Reach: topology.ReachSilent, LastAnswer: topology.Never}, {Server: "other", Reach: topology.ReachOK},
		}})
		advance(time.Second)
		v := w.View([]topology.Server{{Name: "db1"}})
		type node struct {
			Node, Site, Region string
			Age                time.Duration
		}
		var nodes []node
		for _, n := range v.Nodes {
			nodes = append(nodes, node{n.Node, n.Site, n.Region, n.Age})
		}
		want := []node{{"n1", "east-a", "east", 0}, {"n2", "west-a", "west", time.Second}, {"n3", "cloud-a", "cloud", topology.Never}}
		if diff := cmp.Diff(want, nodes); diff != "" {
			t.Errorf("nodes of the view: %s", diff)
		}
		db1 := v.Find("db1")
		if len(db1.Sights) != 2 || db1.Sights[1].Reach != topology.ReachSilent || db1.By != "n1" || v.Fresh != 1500*time.Millisecond {
			t.Errorf("view of db1: %+v, fresh %s", db1, v.Fresh)
		}
	}, "db1")
}

func TestOtherNodesLossAlerts(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		report := topology.Report{Node: "n2", Boot: "b", Seq: 1, Sights: []topology.Sight{{Server: "db1", Reach: topology.ReachOK}}}
		w.Receive(report)
		if n := w.probesDuring(time.Millisecond, "db2"); n != 0 {
			t.Errorf("a report without news brought %d probes", n)
		}
		report.Seq, report.Sights = 2, []topology.Sight{{Server: "db1", Reach: topology.ReachRefused, ConnectionLost: true}}
		w.Receive(report)
		if n := w.probesDuring(time.Millisecond, "db2"); n != 1 {
			t.Errorf("another node's loss brought %d probes at once", n)
		}
	}, "db1", "db2")
}

func TestQuiet(t *testing.T) {
	set := func(s string) gtid.Set {
		parsed, err := gtid.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	start := time.Now()
	var q quiet
	for i, step := range []struct {
		at         time.Duration
		source     string
		heartbeats uint64
		received   string
		want       time.Duration
	}{
		{0, "a", 5, "", 0},
		{1, "a", 5, "", 1},
		{2, "a", 6, "", 0},               // a heartbeat
		{3, "a", 6, uuid + ":1", 0},      // a transaction
		{4, "a", 0, uuid + ":1", 1},      // the receiver restarted: no sign of life
		{5, "a", 0, uuid + ":1", 2},      //
		{6, "a", 1, uuid + ":1", 0},      // the first heartbeat of the new receiver
		{7, "b", 1, uuid + ":1", 0},      // another source: nothing is known of its silence
		{9, "b", 1, uuid + ":1", 2},      //
		{10, "b", 1, uuid + ":1-900", 0}, //
	} {
		up := &topology.Upstream{UUID: step.source, Heartbeats: step.heartbeats, Received: set(step.received)}
		if got := q.heard(up, start.Add(step.at)); got != step.want {
			t.Errorf("step %d: silent for %d, want %d", i, got, step.want)
		}
	}
}

func TestStuck(t *testing.T) {
	set := func(last int64) gtid.Set {
		return gtid.MustParse(fmt.Sprintf("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-%d", last))
	}
	start := time.Now()
	var s stuck
	for i, step := range []struct {
		at       time.Duration
		boot     int64
		waiting  int
		executed int64
		want     time.Duration
	}{
		{0, 1, 0, 5, 0},
		{1, 1, 3, 5, 0}, // the first answer with commits that wait
		{2, 1, 3, 5, 1},
		{3, 1, 7, 5, 2},
		{4, 1, 7, 6, 0}, // one of them has ended: slow is not stuck
		{6, 1, 7, 6, 2},
		{7, 1, 0, 6, 0}, // all have ended
		{8, 1, 1, 6, 0},
		{9, 1, 1, 6, 1},
		{10, 2, 1, 6, 0}, // another process
	} {
		f := &topology.Facts{Boot: topology.Boot{Started: step.boot, Process: 7}, Executed: set(step.executed), Commits: topology.Commits{Waiting: step.waiting}}
		if got := s.saw(f, start.Add(step.at)); got != step.want {
			t.Errorf("step %d: stuck for %d, want %d", i, got, step.want)
		}
	}
}

func TestTelling(t *testing.T) {
	facts := func(change func(*topology.Facts)) *topology.Facts {
		f := &topology.Facts{
			UUID: "u", Boot: topology.Boot{Started: 100, Process: 7}, Variables: map[string]string{"read_only": "ON"}, Status: map[string]string{"threads": "1"},
			Source: &topology.Upstream{UUID: "s", Receiver: topology.ThreadOn},
		}
		change(f)
		return f
	}
	base := topology.Sight{Reach: topology.ReachOK, Facts: facts(func(*topology.Facts) {})}
	for name, c := range map[string]struct {
		change func(*topology.Sight)
		want   bool
	}{
		"nothing":         {func(*topology.Sight) {}, false},
		"reach":           {func(s *topology.Sight) { s.Reach = topology.ReachSilent }, true},
		"connection lost": {func(s *topology.Sight) { s.ConnectionLost = true }, true},
		"second refusal":  {func(s *topology.Sight) { s.Refusals = 2 }, true},
		"boot":            {func(s *topology.Sight) { s.Facts = facts(func(f *topology.Facts) { f.Boot.Started++ }) }, true},
		"process":         {func(s *topology.Sight) { s.Facts = facts(func(f *topology.Facts) { f.Boot.Process++ }) }, true},
		"variable":        {func(s *topology.Sight) { s.Facts = facts(func(f *topology.Facts) { f.Variables["read_only"] = "OFF" }) }, true},
		"moving status":   {func(s *topology.Sight) { s.Facts = facts(func(f *topology.Facts) { f.Status["threads"] = "2" }) }, false},
		"semi-sync": {func(s *topology.Sight) {
			s.Facts = facts(func(f *topology.Facts) { f.Status["rpl_semi_sync_source_status"] = "ON" })
		}, true},
		"receiver": {func(s *topology.Sight) {
			s.Facts = facts(func(f *topology.Facts) { f.Source.Receiver = topology.ThreadOff })
		}, true},
		"short silence": {func(s *topology.Sight) {
			s.Facts = facts(func(f *topology.Facts) { f.Source.SilentFor = 900 * time.Millisecond })
		}, false},
		"silence": {func(s *topology.Sight) { s.Facts = facts(func(f *topology.Facts) { f.Source.SilentFor = time.Second }) }, true},
		"short wait": {func(s *topology.Sight) {
			s.Facts = facts(func(f *topology.Facts) { f.Commits = topology.Commits{Waiting: 9, StuckFor: 900 * time.Millisecond} })
		}, false},
		"stuck commits": {func(s *topology.Sight) {
			s.Facts = facts(func(f *topology.Facts) { f.Commits = topology.Commits{Waiting: 9, StuckFor: time.Second} })
		}, true},
		"positions": {func(s *topology.Sight) { s.Facts = facts(func(f *topology.Facts) { f.Source.Heartbeats++ }) }, false},
		"attached": {func(s *topology.Sight) {
			s.Facts = facts(func(f *topology.Facts) { f.Replicas = []topology.Attached{{UUID: "r"}} })
		}, true},
	} {
		next := base
		c.change(&next)
		if got := telling(&base, &next); got != c.want {
			t.Errorf("%s: telling is %t", name, got)
		}
	}
}

func TestAnswersAgeOnTheirWay(t *testing.T) {
	r := topology.Report{Sights: []topology.Sight{
		{Server: "db1", LastAnswer: time.Second, Since: time.Minute}, {Server: "db2", LastAnswer: topology.Never, Since: time.Minute},
	}}
	ageAnswers(&r, 60*time.Millisecond)
	want := []topology.Sight{
		{Server: "db1", LastAnswer: 1060 * time.Millisecond, Since: time.Minute}, {Server: "db2", LastAnswer: topology.Never, Since: time.Minute},
	}
	if diff := cmp.Diff(want, r.Sights); diff != "" {
		t.Errorf("sights (-want +got):\n%s", diff)
	}
}

// TestRefusalNearbyOutweighsAnAnswerFromAfar: a server 30 ms away from n2 dies while its last answer is on its way
// there, and the report of that answer arrives after n1 was refused.
func TestRefusalNearbyOutweighsAnAnswerFromAfar(t *testing.T) {
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	far, near := newRecord(Target{}, start), newRecord(Target{}, start)
	far.take(attempt{began: at(0), ended: at(60), facts: &topology.Facts{}}, start)
	near.take(attempt{began: at(30), ended: at(31), facts: &topology.Facts{}}, start)
	near.take(attempt{began: at(35), ended: at(36), reach: topology.ReachRefused, err: errRefused}, start)
	near.take(attempt{began: at(41), ended: at(42), reach: topology.ReachRefused, err: errRefused}, start)
	farReport := topology.Report{Node: "n2", Sights: []topology.Sight{far.sightAt(at(65))}}
	ageAnswers(&farReport, 60*time.Millisecond)
	nearReport := topology.Report{Node: "n1", Sights: []topology.Sight{near.sightAt(at(95))}}
	v := topology.Assemble([]topology.Server{{}}, []topology.Received{{Report: nearReport}, {Report: farReport}}, time.Second)
	answered, refused := v.Servers[0].Sights[1].LastAnswer, v.Servers[0].Sights[0].Since
	if answered <= refused {
		t.Errorf("the answer seems to be %s old and the refusal %s", answered, refused)
	}
}
