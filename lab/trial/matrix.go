package trial

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trouble is one kind of fault of the partition matrix.
type Trouble string

// The troubles of the matrix. The first seven come alone and in pairs, the others alone.
const (
	SiteCut   Trouble = "site cut"
	NodeCut   Trouble = "node cut"
	ServerCut Trouble = "server cut"
	OneWayCut Trouble = "one-way cut"
	LinkCut   Trouble = "replica link cut"
	Slowness  Trouble = "delay 500 ms"
	Lossiness Trouble = "loss 20 %"

	Shutdown  Trouble = "graceful shutdown"
	Rejecting Trouble = "rejecting firewall"
	ClockStep Trouble = "clock step of 1 h"
	Hang      Trouble = "pause and resume"
)

// Phase is what the cluster is doing when a fault strikes.
type Phase string

// Phases.
const (
	Idle        Phase = "idle"
	UnderLoad   Phase = "under load"
	MidFailover Phase = "mid-failover"
)

// Cell is one cell of the matrix.
type Cell struct {
	Troubles []Trouble
	Phase    Phase
}

// Name identifies the cell in results and in the table.
func (c Cell) Name() string {
	var names []string
	for _, t := range c.Troubles {
		names = append(names, string(t))
	}
	return strings.Join(names, " + ") + ", " + string(c.Phase)
}

// Cells lists the matrix: each network fault and each pair of them in every phase, and the others under load.
func Cells() []Cell {
	network := []Trouble{SiteCut, NodeCut, ServerCut, OneWayCut, LinkCut, Slowness, Lossiness}
	var cells []Cell
	add := func(troubles ...Trouble) {
		for _, phase := range []Phase{Idle, UnderLoad, MidFailover} {
			cells = append(cells, Cell{troubles, phase})
		}
	}
	for i, first := range network {
		add(first)
		for _, second := range network[i+1:] {
			add(first, second)
		}
	}
	slices.SortStableFunc(cells, func(a, b Cell) int { return len(a.Troubles) - len(b.Troubles) })
	for _, special := range []Trouble{Shutdown, Rejecting, ClockStep, Hang} {
		cells = append(cells, Cell{[]Trouble{special}, UnderLoad})
	}
	return cells
}

// CellResult is what came of a cell.
type CellResult struct {
	Cell string `json:"cell"`
	// Hits says what was done to what.
	Hits []string `json:"hits"`
	// Outcome is in words what the cluster had made of it when the fault ended.
	Outcome string `json:"outcome"`
	// Outage is the longest time without an acknowledgement, from the fault, or the death of the primary
	// before it, to the end; none where nobody wrote.
	Outage Millis `json:"outage_ms"`
	// Available tells that writes were acknowledged when the fault ended.
	Available bool `json:"available"`
	// Why is the cluster's own reason where they were not.
	Why string `json:"why"`
	// OKAfter is how long after the heal the cluster was ok again.
	OKAfter Millis `json:"ok_after_ms"`
	Writes  int    `json:"writes"`
	// Broken lists the invariants that did not hold.
	Broken []string `json:"broken"`
	Seed   uint64   `json:"seed"`
}

// Safe tells that every invariant held.
func (r *CellResult) Safe() bool { return len(r.Broken) == 0 }

// Millis is a span in whole milliseconds.
type Millis int64

func millis(d time.Duration) Millis { return Millis(d.Milliseconds()) }

func (m Millis) String() string { return fmt.Sprintf("%.1f s", float64(m)/1000) }

// scene is who is who when a fault strikes.
type scene struct {
	subject string // the primary, or the candidate in the middle of a failover
	replica string // another server of the home region that is up
	third   string // one more server that the replica has to do with
	site    string // of the primary and of the home region's node
	leader  string
	node    string // in another region
	// silent lists faults of the cell that leave the subject without a voice already: another fault that
	// would hit it hits the replica instead.
	silent bool
}

// victim is the server that a fault hits besides those that silence the subject.
func (s *scene) victim() string {
	if s.silent {
		return s.replica
	}
	return s.subject
}

// silences tells whether a fault leaves the subject unheard.
func silences(t Trouble, phase Phase) bool {
	return t == ServerCut || t == OneWayCut || t == Rejecting || (t == SiteCut && phase != MidFailover)
}
