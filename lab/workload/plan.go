package workload

import (
	"fmt"
	"math/rand/v2"
)

// poolSize is the number of keys that all writers share.
const poolSize = 64

// Kind is the kind of a workload.
type Kind string

// The kinds of workload.
const (
	// InsertOnly inserts one row per transaction.
	InsertOnly Kind = "insert"
	// Mixed inserts, updates and deletes one to three rows per transaction,
	// some of them in the shared pool.
	Mixed Kind = "mixed"
)

// plan makes up one writer's attempts. The same seed makes up the same ones as
// long as the outcomes are the same.
type plan struct {
	config Config
	writer int
	random *rand.Rand
	serial int
	live   []string // own keys that are sure to be there.
}

func newPlan(config Config, writer int) *plan {
	// A region's writers differ from another region's under the same seed.
	stream := uint64(writer)
	for _, letter := range []byte(config.Region) {
		stream = stream*131 + uint64(letter)
	}
	return &plan{config: config, writer: writer, random: rand.New(rand.NewPCG(config.Seed, stream))}
}

// next makes up an attempt.
func (p *plan) next() *Attempt {
	p.serial++
	a := &Attempt{
		ID:  fmt.Sprintf("%s-%s-%d-%d", p.config.Run, p.config.Region, p.writer, p.serial),
		Run: p.config.Run, Writer: p.writer, Region: p.config.Region,
	}
	count := 1
	if p.config.Kind == Mixed {
		count += p.random.IntN(3)
	}
	touched := map[string]bool{}
	for i := range count {
		s := p.statement(fmt.Sprintf("%s-%d", a.ID, i))
		if !touched[s.Key] {
			touched[s.Key] = true
			a.Statements = append(a.Statements, s)
		}
	}
	a.describe()
	return a
}

// statement makes up one row change; fresh is the key of a new row.
func (p *plan) statement(fresh string) Statement {
	if p.config.Kind == InsertOnly {
		return p.fill(Insert, fresh)
	}
	if p.random.Float64() < p.config.Contend {
		key := poolKey(p.random.IntN(poolSize))
		if p.random.IntN(10) == 0 {
			return Statement{Op: Delete, Key: key}
		}
		return p.fill(Update, key)
	}
	dice := p.random.IntN(100)
	if dice < 50 || len(p.live) == 0 {
		return p.fill(Insert, fresh)
	}
	key := p.live[p.random.IntN(len(p.live))]
	if dice < 85 {
		return p.fill(Update, key)
	}
	return Statement{Op: Delete, Key: key}
}

// fill adds a row's new values.
func (p *plan) fill(op Op, key string) Statement {
	return Statement{
		Op: op, Key: key,
		Amount: 1 + p.random.Int64N(1_000_000),
		Note:   fmt.Sprintf("order %08x of %s", p.random.Uint32(), p.config.Region),
	}
}

// learn takes an attempt's outcome into account: only keys whose state is
// certain are touched again.
func (p *plan) learn(a *Attempt) {
	if a.Outcome == Refused {
		return
	}
	for _, s := range a.Statements {
		switch {
		case a.Acknowledged && s.Op == Insert:
			p.live = append(p.live, s.Key)
		case s.Op == Delete, !a.Acknowledged:
			p.forget(s.Key)
		}
	}
}

func (p *plan) forget(key string) {
	for i, live := range p.live {
		if live == key {
			p.live[i] = p.live[len(p.live)-1]
			p.live = p.live[:len(p.live)-1]
			return
		}
	}
}

func poolKey(i int) string { return fmt.Sprintf("pool-%03d", i) }
