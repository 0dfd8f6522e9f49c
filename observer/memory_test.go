package observer

import (
	"fmt"
	"testing"
	"time"

	"github.com/regentdb/regent/topology"
)

// TestMemoryOfObservationsIsBounded has peers and strangers send reports of ever new servers, boots and
// nodes: what is remembered grows with what is declared and with nothing else.
func TestMemoryOfObservationsIsBounded(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		const reports = 2000
		for i := range reports {
			r := topology.Report{Node: fmt.Sprintf("n%d", 2+i%3), Boot: fmt.Sprint("boot-", i/10), Seq: uint64(i)}
			for j := range 50 {
				r.Peers = append(r.Peers, topology.PeerSight{Node: fmt.Sprint("node-", i, "-", j)}, topology.PeerSight{Node: "n1"})
				r.Sights = append(r.Sights, topology.Sight{Server: fmt.Sprint("db-", i, "-", j), Reach: topology.ReachRefused})
			}
			r.Sights = append(r.Sights, topology.Sight{Server: "db1", Reach: []topology.Reach{topology.ReachOK, topology.ReachSilent}[i%2]})
			w.Receive(r)
			if i%100 == 0 {
				advance(time.Second)
				w.lastSent()
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.heard) != 2 || len(w.nodes) != 2 || len(w.probes) != 2 || len(w.alerts) > 1 {
			t.Errorf("%d nodes heard of %d known, %d servers probed, %d clusters in alert", len(w.heard), len(w.nodes), len(w.probes), len(w.alerts))
		}
		for node, h := range w.heard {
			if len(h.sights) != 1 || len(h.past) > bootsKept || len(h.report.Peers) > peersKept || len(h.report.Sights) != 0 {
				t.Errorf("of %s: %d sights, %d boots, %d peers", node, len(h.sights), len(h.past), len(h.report.Peers))
			}
		}
	}, "db1", "db2")
}
