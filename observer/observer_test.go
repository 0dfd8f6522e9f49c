package observer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/topology"
)

func TestAnswersAgeUntilTheNext(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		s := w.sight(t, "db1")
		if s.Reach != topology.ReachOK || s.Facts.UUID != "uuid-db1" || s.LastAnswer != 100*time.Millisecond {
			t.Errorf("after the first answer: %+v", s)
		}
		advance(399 * time.Millisecond)
		if s := w.sight(t, "db1"); s.LastAnswer != 499*time.Millisecond || s.Since != s.LastAnswer {
			t.Errorf("just before the next probe: %+v", s)
		}
		advance(2 * time.Millisecond)
		if s := w.sight(t, "db1"); s.LastAnswer != time.Millisecond || s.Since != 501*time.Millisecond {
			t.Errorf("just after the next probe: %+v", s)
		}
	}, "db1")
}

func TestKilledServerIsRefusedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers["db1"].kill()
		advance(20 * time.Millisecond)
		s := w.sight(t, "db1")
		if s.Reach != topology.ReachRefused || s.Refusals < 2 || !s.ConnectionLost {
			t.Errorf("20 ms after the kill: %+v", s)
		}
		last, _ := w.lastSent()
		if len(last.Sights) != 1 || last.Sights[0].Reach != topology.ReachRefused || last.Sights[0].Refusals < 2 {
			t.Errorf("the peer was told %+v", last.Sights)
		}
		w.servers["db1"].set(func(s *fakeServer) { s.dead = false })
		advance(time.Second)
		if s := w.sight(t, "db1"); s.Reach != topology.ReachOK || s.Refusals != 0 || s.ConnectionLost {
			t.Errorf("after the start: %+v", s)
		}
	}, "db1")
}

func TestKilledConnectionIsNoKilledServer(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers["db1"].cut()
		advance(20 * time.Millisecond)
		if s := w.sight(t, "db1"); s.Reach != topology.ReachOK || s.ConnectionLost || s.LastAnswer > 20*time.Millisecond {
			t.Errorf("a new connection was answered, yet: %+v", s)
		}
		// The watch is up again: the next break is seen at once too.
		advance(2 * time.Second)
		w.servers["db1"].kill()
		advance(20 * time.Millisecond)
		if s := w.sight(t, "db1"); s.Reach != topology.ReachRefused {
			t.Errorf("after the kill: %+v", s)
		}
	}, "db1")
}

func TestHungServerIsSilentAndKeepsAgeing(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers["db1"].set(func(s *fakeServer) { s.hung = true })
		advance(1395 * time.Millisecond)
		if s := w.sight(t, "db1"); s.Reach != topology.ReachOK {
			t.Errorf("before the probe timed out: %+v", s)
		}
		advance(10 * time.Millisecond)
		s := w.sight(t, "db1")
		if s.Reach != topology.ReachSilent || s.LastAnswer != 1505*time.Millisecond || s.ConnectionLost || s.Refusals != 0 {
			t.Errorf("after the probe timed out: %+v", s)
		}
		advance(5 * time.Second)
		if s := w.sight(t, "db1"); s.Reach != topology.ReachSilent || s.LastAnswer != 6505*time.Millisecond || s.Since < 5*time.Second {
			t.Errorf("five seconds later: %+v", s)
		}
		w.servers["db1"].set(func(s *fakeServer) { s.hung = false })
		advance(1100 * time.Millisecond)
		if s := w.sight(t, "db1"); s.Reach != topology.ReachOK {
			t.Errorf("after it resumed: %+v", s)
		}
	}, "db1")
}

func TestDeniedIsNeitherAnAnswerNorARefusal(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.servers["db1"].set(func(s *fakeServer) { s.denied = true })
		advance(time.Second)
		s := w.sight(t, "db1")
		if s.Reach != topology.ReachDenied || s.Refusals != 0 || s.Error != errDenied.Error() || s.LastAnswer < time.Second {
			t.Errorf("denied: %+v", s)
		}
	}, "db1")
}

func TestLossAlertsTheCluster(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		advance(2 * time.Second)
		if n := w.probesDuring(5*time.Second, "db2"); n != 10 {
			t.Errorf("at rest, 5 s brought %d probes", n)
		}
		w.servers["db1"].kill()
		if n := w.probesDuring(time.Millisecond, "db2"); n < 1 {
			t.Errorf("the loss of the other brought %d probes at once", n)
		}
		advance(100 * time.Millisecond)
		if n := w.probesDuring(5*time.Second, "db2"); n < 25 || n > 30 {
			t.Errorf("in alert, 5 s brought %d probes", n)
		}
		advance(10 * time.Second)
		if n := w.probesDuring(5*time.Second, "db2"); n != 10 {
			t.Errorf("long after the loss, 5 s brought %d probes", n)
		}
	}, "db1", "db2")
}

func TestDroppedReceiverAlertsAndIsToldAtOnce(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		db2 := w.servers["db2"]
		db2.set(func(s *fakeServer) {
			s.facts.Source = &topology.Upstream{UUID: "uuid-db1", Receiver: topology.ThreadOn}
		})
		advance(3 * time.Second)
		w.lastSent()
		db2.set(func(s *fakeServer) { s.facts.Source.Receiver = topology.ThreadConnecting })
		for w.sight(t, "db2").Facts.Source.Receiver == topology.ThreadOn {
			advance(time.Millisecond)
		}
		advance(10 * time.Millisecond)
		last, _ := w.lastSent()
		if len(last.Sights) != 2 || last.Sights[1].Facts.Source.Receiver != topology.ThreadConnecting {
			t.Errorf("10 ms after it was seen the peer was told %+v", last.Sights)
		}
		if n := w.probesDuring(time.Second, "db1"); n < 7 || n > 10 {
			t.Errorf("in alert, its first second brought %d probes of the source", n)
		}
	}, "db1", "db2")
}

func TestStarvedReceiverIsMeasured(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		db1 := w.servers["db1"]
		db1.set(func(s *fakeServer) {
			s.facts.Source = &topology.Upstream{UUID: "u", Receiver: topology.ThreadOn, Heartbeats: 7}
		})
		advance(3 * time.Second)
		if got := w.sight(t, "db1").Facts.Source.SilentFor; got < 2500*time.Millisecond || got > 3*time.Second {
			t.Errorf("after 2.5 s to 3 s between unchanged answers: silent for %s", got)
		}
		db1.set(func(s *fakeServer) { s.facts.Source.Heartbeats++ })
		advance(500 * time.Millisecond)
		if got := w.sight(t, "db1").Facts.Source.SilentFor; got != 0 {
			t.Errorf("after a heartbeat: silent for %s", got)
		}
	}, "db1")
}

func TestPeerIsToldEveryIntervalThoughAnotherIsDead(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		advance(2 * time.Second)
		w.lastSent()
		advance(5 * time.Second)
		last, n := w.lastSent()
		if n != 10 {
			t.Errorf("5 s at rest brought %d reports", n)
		}
		want := []topology.PeerSight{{Node: "n2", Age: topology.Never}, {Node: "n3", Age: topology.Never}}
		if diff := cmp.Diff(want, last.Peers); diff != "" {
			t.Errorf("peers in the report: %s", diff)
		}
	}, "db1")
}

func TestWhatIsSeenNextDoesNotWaitForAnAnswer(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		advance(2*time.Second + 100*time.Millisecond) // two reports to n3 have not been answered yet
		before := w.unheard.Load()
		w.servers["db1"].kill()
		advance(50 * time.Millisecond)
		if n := w.unheard.Load() - before; n < 1 || n > inFlight {
			t.Errorf("within 50 ms of a loss a peer that does not answer was sent %d reports", n)
		}
		advance(10 * time.Second)
		before = w.unheard.Load()
		advance(10 * time.Second)
		if n := w.unheard.Load() - before; n > 10*inFlight {
			t.Errorf("in 10 s a peer that does not answer was sent %d reports", n)
		}
	}, "db1")
}

func TestServersComeAndGo(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		moved := Target{Server: topology.Server{Name: "db2", Address: "elsewhere:3306"}, Cluster: "orders"}
		w.servers["db2"].set(func(s *fakeServer) { s.hung = true })
		w.SetServers(map[string]Target{"db2": moved})
		advance(100 * time.Millisecond)
		r := w.Report()
		if len(r.Sights) != 1 || r.Sights[0].Server != "db2" || r.Sights[0].Reach != topology.ReachUnknown || r.Sights[0].Facts != nil {
			t.Errorf("after db1 was dropped and db2 moved: %+v", r.Sights)
		}
		if n := w.probesDuring(5*time.Second, "db1"); n != 0 {
			t.Errorf("the dropped server was probed %d times", n)
		}
	}, "db1", "db2")
}
