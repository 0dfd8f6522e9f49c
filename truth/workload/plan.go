package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Mode says how a transaction is written.
type Mode int

const (
	// Plain is in row format with full images.
	Plain Mode = iota
	// Compressed is one compressed event.
	Compressed
	// Tagged has a GTID with a tag.
	Tagged
	// Minimal leaves columns out of the images.
	Minimal
	// NoBlob leaves texts and blobs out of the images.
	NoBlob
	// PartialJSON logs changes of documents.
	PartialJSON
	// Statements is in statement format.
	Statements
	// Distributed is prepared and committed as an XA transaction: two transactions of the log.
	Distributed
	// Definition is one statement that changes a table.
	Definition
	// Unlogged is not in the log at all.
	Unlogged
)

// Transaction is what a side is to write.
type Transaction struct {
	Mode Mode
	Ops  []Op
}

// Op is one statement.
type Op struct {
	SQL string
	// Watch names the table whose row the ledger reads before and after, and Where which; empty for most.
	Watch, Where string
}

// Size says how much a plan writes.
type Size struct {
	// History, Old and New are numbers of transactions.
	History, Old, New int
	// Huge is how many rows the one huge transaction of the old side has.
	Huge int
}

// Plan is everything that is written for a seed.
type Plan struct {
	Schema            []string
	History, Old, New []Transaction
}

// New makes the plan of a seed.
func New(seed uint64, size Size) Plan {
	p := &planner{random: rand.New(rand.NewPCG(seed, 4))}
	p.tables = tables(p.random)
	plan := Plan{Schema: p.schema()}
	history := p.side(0)
	for range size.History {
		plan.History = append(plan.History, p.fill(history))
	}
	old, fresh := history.split(p, 1), history.split(p, 2)
	for range size.Old {
		plan.Old = append(plan.Old, p.next(old))
	}
	for range size.New {
		plan.New = append(plan.New, p.answer(fresh, plan.Old))
	}
	p.insertAt(&plan.Old, p.huge(size.Huge))
	for _, ddl := range []string{
		"ALTER TABLE shop.altered_old ADD COLUMN extra INT DEFAULT 1", "CREATE TABLE shop.only_old (id INT PRIMARY KEY)",
		"TRUNCATE TABLE shop.dropped",
	} {
		p.insertAt(&plan.Old, Transaction{Definition, []Op{{SQL: ddl}}})
	}
	for _, ddl := range []string{"ALTER TABLE shop.altered_new ADD INDEX v (v)", "DROP TABLE shop.dropped"} {
		p.insertAt(&plan.New, Transaction{Definition, []Op{{SQL: ddl}}})
	}
	return plan
}

type planner struct {
	random *rand.Rand
	tables []*spec
}

// side is what the planner believes that a side has. It need not be right: a statement that fails is left out, and
// one that finds no row changes none.
type side struct {
	number int
	rows   map[*spec][]int
	// counter is the last generated key.
	counter map[*spec]int
}

func (p *planner) side(number int) *side {
	return &side{number: number, rows: map[*spec][]int{}, counter: map[*spec]int{}}
}

func (s *side) split(p *planner, number int) *side {
	out := p.side(number)
	for t, rows := range s.rows {
		out.rows[t] = slices.Clone(rows)
		out.counter[t] = s.counter[t]
	}
	return out
}

func (p *planner) schema() []string {
	out := []string{"CREATE DATABASE " + Schema + " CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"}
	for _, t := range p.tables {
		out = append(out, t.create())
	}
	for _, t := range p.tables {
		out = append(out, t.triggers...)
	}
	return out
}

// insertAt puts a transaction anywhere into the list.
func (p *planner) insertAt(list *[]Transaction, tx Transaction) {
	*list = slices.Insert(*list, p.random.IntN(len(*list)+1), tx)
}

// huge inserts many rows.
func (p *planner) huge(rows int) Transaction {
	tx := Transaction{Mode: Compressed}
	for first := 0; first < rows; first += 500 {
		statement := "INSERT INTO shop.wide (id, v, n) VALUES "
		for i := first; i < min(first+500, rows); i++ {
			if i > first {
				statement += ", "
			}
			statement += fmt.Sprintf("(%d, 'v%d', %d)", i, i%7, i)
		}
		tx.Ops = append(tx.Ops, Op{SQL: statement})
	}
	return tx
}

// draw picks a table by weight.
func (p *planner) draw() *spec {
	total := 0
	for _, t := range p.tables {
		total += t.weight
	}
	n := p.random.IntN(total)
	for _, t := range p.tables {
		if n -= t.weight; n < 0 {
			return t
		}
	}
	return p.tables[0]
}

// fill is a transaction of the shared history: mostly inserts.
func (p *planner) fill(s *side) Transaction {
	var tx Transaction
	for range 5 {
		t := p.draw()
		if t.alone {
			return Transaction{Ops: p.insert(s, t)}
		}
		tx.Ops = append(tx.Ops, p.insert(s, t)...)
	}
	return tx
}

// next is a transaction of a side on its own.
func (p *planner) next(s *side) Transaction {
	tx := Transaction{Mode: p.mode(s)}
	for range 1 + p.random.IntN(3) {
		t := p.draw()
		if t.watched && tx.Mode != Plain && tx.Mode != Compressed || t.alone && tx.Mode != Plain {
			continue
		}
		if t.alone {
			return Transaction{Ops: p.change(s, t)}
		}
		tx.Ops = append(tx.Ops, p.change(s, t)...)
	}
	return tx
}

// mode draws how a transaction is written: plain in nine of ten. The modes that make a table opaque are rare, as one of
// them hides much of what would be told of later transactions.
func (p *planner) mode(s *side) Mode {
	switch n := p.random.IntN(400); {
	case n < 16:
		return Compressed
	case n < 28:
		return Tagged
	case s.number == 2 && n < 38:
		return Unlogged
	case n >= 398:
		return Distributed
	case n >= 396:
		return Statements
	case n >= 394:
		return Minimal
	case n >= 392:
		return NoBlob
	case n >= 388:
		return PartialJSON
	}
	return Plain
}

// answer is a transaction of the new side: often what the old side did, too, or something else to the same rows.
func (p *planner) answer(s *side, old []Transaction) Transaction {
	if p.random.IntN(3) != 0 {
		return p.next(s)
	}
	tx := old[p.random.IntN(len(old))]
	if tx.Mode != Plain {
		return p.next(s)
	}
	return tx
}

// change is one statement, or two that undo each other.
func (p *planner) change(s *side, t *spec) []Op {
	rows := s.rows[t]
	if t.automatic {
		return p.changeGenerated(s, t)
	}
	if len(rows) == 0 || len(rows) < poolSize/3 || p.random.IntN(4) == 0 {
		return p.insert(s, t)
	}
	number := rows[p.random.IntN(len(rows))]
	switch n := p.random.IntN(20); {
	case n == 0:
		return p.undone(t, number)
	case n < 4:
		return p.remove(s, t, number)
	case n < 6 && t.keyNames != nil && !t.watched:
		return p.move(s, t, number)
	}
	return []Op{p.op(t, number, t.update(p.random, number))}
}

// op is a statement about one row.
func (p *planner) op(t *spec, number int, statement string) Op {
	if t.watched {
		return Op{statement, t.name, t.where(number, 0)}
	}
	return Op{SQL: statement}
}

// insert takes a free key. Each side prefers keys of its own.
func (p *planner) insert(s *side, t *spec) []Op {
	s.counter[t]++
	if t.automatic {
		return []Op{{SQL: t.insert(p.random, p.random.IntN(10))}}
	}
	number := p.random.IntN(poolSize)
	if s.number > 0 && p.random.IntN(3) > 0 {
		number = number/3*3 + s.number
	}
	number %= poolSize
	if !slices.Contains(s.rows[t], number) {
		s.rows[t] = append(s.rows[t], number)
	}
	return []Op{p.op(t, number, t.insert(p.random, number))}
}

func (p *planner) changeGenerated(s *side, t *spec) []Op {
	if s.counter[t] == 0 || p.random.IntN(2) == 0 {
		return p.insert(s, t)
	}
	number := 1 + p.random.IntN(s.counter[t])
	if p.random.IntN(5) == 0 {
		return []Op{{SQL: fmt.Sprintf("DELETE FROM %s WHERE %s", t.path(), t.where(number, 0))}}
	}
	return []Op{{SQL: t.update(p.random, number)}}
}

// undone changes a row and changes it back.
func (p *planner) undone(t *spec, number int) []Op {
	where := t.where(number, 0)
	return []Op{
		p.op(t, number, fmt.Sprintf("UPDATE %s SET n = n + 5 WHERE %s", t.path(), where)),
		p.op(t, number, fmt.Sprintf("UPDATE %s SET n = n - 5 WHERE %s", t.path(), where)),
	}
}

// remove deletes a row, and sometimes brings another in its place.
func (p *planner) remove(s *side, t *spec, number int) []Op {
	out := []Op{p.op(t, number, fmt.Sprintf("DELETE FROM %s WHERE %s", t.path(), t.where(number, p.random.IntN(3))))}
	if p.random.IntN(3) == 0 {
		return append(out, p.op(t, number, t.insert(p.random, number)))
	}
	s.rows[t] = slices.DeleteFunc(s.rows[t], func(n int) bool { return n == number })
	return out
}

// move gives a row another key, or the same in another spelling.
func (p *planner) move(s *side, t *spec, number int) []Op {
	to := p.random.IntN(poolSize)
	if p.random.IntN(3) == 0 {
		to = number
	}
	sets := ""
	for i, set := range t.assign(to, p.random.IntN(3)) {
		if i > 0 {
			sets += ", "
		}
		sets += set
	}
	s.rows[t] = append(slices.DeleteFunc(s.rows[t], func(n int) bool { return n == number }), to)
	return []Op{{SQL: fmt.Sprintf("UPDATE %s SET %s WHERE %s", t.path(), sets, t.where(number, p.random.IntN(3)))}}
}
