package sim

import (
	"math/rand/v2"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// story is a sequence of faults aimed at one window, which faults that know nothing of each other hit in one world
// of thousands.
type story struct {
	what  string
	build func(*World, *rand.Rand) // what the owner wants in it
	do    func(*World, *rand.Rand)
	lasts time.Duration // until everything may be healed
}

// stories are those of worlds without a guard.
func stories() []story {
	return []story{
		{"what is acknowledged is on one acker that dies, and then the primary dies", (*World).makeBlock, (*World).loseHolders, 9 * time.Second},
		{"the primary hangs, and an acker that cannot be stopped receives from it", (*World).makeBlock, (*World).keepReceiving, 9 * time.Second},
		{"somebody limits how long commits wait, and the primary dies", (*World).makeBlock, (*World).limitCommits, 6 * time.Second},
		{"an old primary comes back while its successor is opened", (*World).makeBlock, (*World).comeBackEarly, 10 * time.Second},
		{"the ackers go away, and commits need not wait for them", (*World).makeImpatient, (*World).degradeAndReturn, 10 * time.Second},
		{"an override opens a server alone, and an acker comes back", (*World).makeBlock, (*World).overrideAlone, 9 * time.Second},
		{"a failover is ordered while commits or a recovery wait", (*World).makeBlock, (*World).orderWaiting, 13 * time.Second},
		{"an override expires while a fence hangs", (*World).makeBlock, (*World).orderExpires, 6 * time.Second},
		{"somebody opens a server that is kept apart", (*World).makeBlock, (*World).reopenQuarantined, 16 * time.Second},
		{"the node that has a report is lost", (*World).makeBlock, (*World).loseReport, 24 * time.Second},
		{"the primary shuts down slowly", (*World).makeFree, (*World).shutDownSlowly, 6 * time.Second},
		{"the primary dies, and then its successor", (*World).makeFree, (*World).loseBoth, 10 * time.Second},
		{"a failover is ordered while replicas are behind", (*World).makeFree, (*World).orderBehind, 5 * time.Second},
	}
}

// storyPlan is the story that a seed has happen, nothing in most worlds. alone tells that it is all that happens.
func storyPlan(seed uint64) (plan []decision, alone bool) {
	r := rand.New(rand.NewPCG(seed, 0x94d049bb133111eb)) //nolint:gosec // a seed must say everything
	if r.IntN(3) != 0 {
		return nil, false
	}
	add := func(d decision) {
		d.number, d.seed = 2000+len(plan), r.Uint64()
		plan = append(plan, d)
	}
	all := stories()
	s := all[r.IntN(len(all))]
	at := time.Duration(r.IntN(2000)) * time.Millisecond
	add(decision{what: "the owner wants what a story is about", when: atBuild, do: s.build})
	add(decision{what: s.what, when: inChaos, at: at, do: s.do})
	add(decision{what: "time passes", when: inChaos, at: at + s.lasts, do: func(*World, *rand.Rand) {}})
	return plan, r.IntN(4) > 0
}

// makeBlock has commits wait for acknowledgements whatever happens, and statements arrive.
func (w *World) makeBlock(*rand.Rand) {
	w.flaky = 0
	w.spec.Policy.Durability, w.spec.Policy.SemiSync.WhenMissing = policy.DurabilitySemiSync, policy.MissingBlock
	w.loadPersisted()
}

// makeFree has commits wait for nobody, and every server boot as it should.
func (w *World) makeFree(*rand.Rand) {
	w.flaky = 0
	w.spec.Policy.Durability, w.spec.Policy.MaxLostTransactions = policy.DurabilityAsync, 100
	w.loadPersisted()
}

// loadPersisted has every server boot with what is persisted.
func (w *World) loadPersisted() {
	for _, s := range w.servers {
		s.set("persisted_globals_load", "ON", false)
	}
}

// awaited is what happens with the first agreed state of a kind.
type awaited struct {
	until time.Duration
	holds func(*failover.State) bool
	do    func()
}

// once has something happen when a state is agreed for which holds, if that is soon enough: before anybody acts on it.
func (w *World) once(within time.Duration, holds func(*failover.State) bool, do func()) {
	w.awaited = append(w.awaited, awaited{until: w.now + within, holds: holds, do: do})
}

// agrees is called with every agreed state.
func (w *World) agrees(is *failover.State) {
	all := w.awaited
	w.awaited = nil
	for _, a := range all {
		switch {
		case w.calm || w.now > a.until:
		case a.holds(is):
			a.do()
		default:
			w.awaited = append(w.awaited, a)
		}
	}
}

// later does something in a while, unless everything is healed by then.
func (w *World) later(in time.Duration, do func()) {
	w.after(in, func() {
		if !w.calm {
			do()
		}
	})
}

// between draws a time of at least one and less than another number of milliseconds.
func between(r *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+r.IntN(most-least)) * time.Millisecond
}

// opening tells that a recovery opens a server.
func opening(s *Server) func(*failover.State) bool {
	return func(is *failover.State) bool {
		return is.Recovery != nil && is.Recovery.Stage == failover.StageOpen && is.Recovery.Candidate == s.name()
	}
}
