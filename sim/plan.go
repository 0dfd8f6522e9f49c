package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/regentdb/regent/policy"
)

// decision is one thing that a seed has happen to its world. A plan is a list of them; any can be left
// out, and the others stay what they are: each draws from a source of its own.
type decision struct {
	number int
	what   string
	when   timing
	at     time.Duration // since the chaos began, for timedChaos
	nth    int           // the so-and-so-manieth stage that a recovery enters, or moment of another kind
	seed   uint64
	do     func(*World, *rand.Rand)
}

// timing says what a decision waits for.
type timing int

const (
	atBuild timing = iota // before anything happens
	inChaos
	atStage
	atRenewal // when a node beside the primary gets a permission to renew
	atArming  // when the guard row of an open server was written
)

func (d *decision) String() string {
	switch d.when {
	case atBuild:
		return fmt.Sprintf("%3d from the beginning: %s", d.number, d.what)
	case inChaos:
		return fmt.Sprintf("%3d after %.3f s of chaos: %s", d.number, d.at.Seconds(), d.what)
	case atStage:
		return fmt.Sprintf("%3d when a recovery enters its stage number %d: %s", d.number, d.nth, d.what)
	case atRenewal:
		return fmt.Sprintf("%3d at renewal number %d: %s", d.number, d.nth, d.what)
	case atArming:
		return fmt.Sprintf("%3d when the guard row of an open server is written for the time number %d: %s", d.number, d.nth, d.what)
	}
	return d.what
}

// apply has the decision happen.
func (d *decision) apply(w *World) {
	w.logf("decision %d: %s", d.number, d.what)
	d.do(w, rand.New(rand.NewPCG(d.seed, uint64(d.number)))) //nolint:gosec // a seed must say everything
}

// stagesAhead is for how many stages of recoveries spite is drawn.
const stagesAhead = 24

// planOf is the plan of a seed.
func planOf(seed uint64) []decision {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) //nolint:gosec // a seed must say everything
	var plan []decision
	add := func(d decision) {
		d.number, d.seed = len(plan)+1, r.Uint64()
		plan = append(plan, d)
	}
	for _, v := range variations() {
		if r.IntN(v.oneIn) == 0 {
			add(decision{what: v.what, when: atBuild, do: v.do})
		}
	}
	if r.IntN(2) == 0 {
		spite := r.IntN(50)
		for nth := range stagesAhead {
			if r.IntN(100) < spite {
				f := pick(r, strikes())
				add(decision{what: f.what, when: atStage, nth: nth + 1, do: f.do})
			}
		}
	}
	all := faults()
	end := 10*time.Second + time.Duration(r.IntN(15))*time.Second
	for at := time.Duration(0); at < end; at += pause(r) {
		f := pick(r, all)
		add(decision{what: f.what, when: inChaos, at: at, do: f.do})
	}
	more, alone := guardPlan(seed)
	if len(more) == 0 {
		more, alone = storyPlan(seed)
	}
	return joinPlans(plan, more, alone)
}

// pause is the time between two faults: often hardly any.
func pause(r *rand.Rand) time.Duration {
	limits := []int{300, 300, 3000, 6000}
	return time.Duration(r.IntN(limits[r.IntN(len(limits))])) * time.Millisecond
}

// describe prints a plan, one decision a line.
func describe(plan []decision) string {
	lines := make([]string, 0, len(plan))
	for i := range plan {
		lines = append(lines, plan[i].String())
	}
	return strings.Join(lines, "\n")
}

// fault is one kind of decision.
type fault struct {
	what   string
	weight int
	do     func(*World, *rand.Rand)
}

func pick(r *rand.Rand, all []fault) fault {
	total := 0
	for _, f := range all {
		total += f.weight
	}
	n := r.IntN(total)
	for _, f := range all {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	return all[0]
}

// variation is a property of a whole world.
type variation struct {
	what  string
	oneIn int
	do    func(*World, *rand.Rand)
}

// variations are what differs between worlds from the beginning.
func variations() []variation {
	return []variation{
		{"two more clusters are there", 10, func(w *World, r *rand.Rand) { w.addClusters(r) }},
		{"relay logs are lost in a boot", 3, func(w *World, _ *rand.Rand) { w.relayRecovery() }},
		{"one server applies slowly", 3, func(w *World, r *rand.Rand) {
			w.servers[1+r.IntN(4)].slow = time.Duration(r.IntN(15)) * time.Millisecond
		}},
		{"one acker receives late", 3, func(w *World, r *rand.Rand) {
			w.servers[1+r.IntN(2)].late = time.Duration(r.IntN(600)) * time.Millisecond
		}},
		{"what is acknowledged hangs on one acker that loses its relay log", 5, func(w *World, r *rand.Rand) {
			w.servers[1].slow, w.servers[2].late = 20*time.Millisecond, time.Second
			w.servers[1].late = time.Duration(r.IntN(2)*r.IntN(500)) * time.Millisecond
			w.relayRecovery()
		}},
		{"relay logs are not synced", 4, func(w *World, _ *rand.Rand) {
			for _, s := range w.servers {
				s.set("sync_relay_log", "10000", false)
			}
		}},
		{"statements fail on their way", 2, func(w *World, r *rand.Rand) { w.flaky = r.IntN(8) }},
		{"the clocks of the nodes differ", 2, func(w *World, r *rand.Rand) {
			for _, n := range w.nodes {
				n.skew = time.Duration(r.IntN(7_200_000)-3_600_000) * time.Millisecond
			}
		}},
		{"durability is async", 5, func(w *World, r *rand.Rand) { w.makeAsync(r) }},
		{"the owner prefers one server and avoids another", 4, func(w *World, r *rand.Rand) { w.prefer(r) }},
		{"commits go on without ackers after a while", 4, func(w *World, r *rand.Rand) { w.makeDegrade(r) }},
		{"the files of settled reports are kept for a moment", 4, func(w *World, r *rand.Rand) {
			w.spec.Policy.Settle.KeepFor = policy.Duration(time.Duration(1+r.IntN(9)) * time.Second)
		}},
		{"servers boot writable unless they are told otherwise", 4, func(w *World, _ *rand.Rand) { w.bootWritable() }},
	}
}

func (w *World) relayRecovery() {
	for _, s := range w.all {
		s.set("relay_log_recovery", "ON", false)
	}
}
