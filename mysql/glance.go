package mysql

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/topology"
)

// glance is how a probing connection reads a server's state once it knows the server. The tables of
// performance_schema that hold variables build all their rows for each query, so the variables that are there
// are read by their names, and what cannot change while the connection lasts is not read again. A cluster in
// alert is probed many times a second: see BenchmarkProbe for what that saves.
type glance struct {
	names   []string // variables as the server spells them; none where a wanted one is missing
	status  []string // status values likewise
	boot    topology.Boot
	guarded bool // a guard's table was there
	agreed  bool // both ways were asked at once and answered the same
}

// byName is the answer about variables that were asked for by their names: one row.
const byName = "variables_by_name"

// batch reads the state: from the tables first, then both ways at once, and by name when the two agreed.
func (g *glance) batch(o Options) *batch {
	switch {
	case len(g.names) == 0:
		return stateBatch(o)
	case !g.agreed:
		return (&batch{}).mark("read variables by name").read(byName, g.columns()).add(stateBatch(o))
	}
	b := (&batch{}).mark("read the state").read(byName, g.columns()).read("status", statusQuery(g.status))
	if g.guarded {
		b.read("guard_event", guardEventQuery)
	}
	boot := serverQuery(strconv.FormatInt(g.boot.Started, 10), strconv.FormatUint(g.boot.Process, 10))
	return b.add(movingBatch(o)).read("server", boot).add(guardBatch())
}

// columns asks for the variables as performance_schema shows them.
func (g *glance) columns() string {
	columns := make([]string, 0, len(g.names))
	for _, name := range g.names {
		value := "@@GLOBAL." + name
		if slices.Contains(switches(), currentName(name)) {
			value = "IF(" + value + ", 'ON', 'OFF')"
		}
		columns = append(columns, value+" AS "+name)
	}
	return strings.Join(columns, ", ")
}

// complete puts variables that were asked for by name where the state is read from.
func (g *glance) complete(got answers) {
	t, asked := got[byName]
	if _, read := got["variables"]; !asked || read || len(t.rows) == 0 {
		return
	}
	var pairs table
	for i, name := range t.columns {
		pairs.rows = append(pairs.rows, []string{name, t.rows[0][i]})
	}
	got["variables"] = pairs
}

// learn takes from an answer how to ask next, and tells whether that answer lacked something.
func (g *glance) learn(got answers, boot topology.Boot) (again bool) {
	row := got[guardRowName]
	g.guarded = row.refused == nil || !unguarded(row.refused)
	_, asked := got["guard_event"]
	if !g.agreed {
		g.prove(got, boot)
	}
	return g.guarded && !asked
}

// prove compares the two ways, or prepares for that after the first answer.
func (g *glance) prove(got answers, boot topology.Boot) {
	shown, status := got["variables"].pairs(), got["status"].pairs()
	if t, both := got[byName]; both {
		maps.DeleteFunc(shown, func(name, _ string) bool { return !slices.Contains(g.names, name) })
		g.agreed = maps.Equal(t.first(), row(shown))
		return
	}
	names, complete := spelled(shown, variables())
	statusNames, known := spelled(status, statuses())
	if complete && known {
		g.names, g.status, g.boot = names, statusNames, boot
	}
}

// spelled answers names as the server spells them, and whether it has all of them.
func spelled(values map[string]string, names []string) (out []string, all bool) {
	for _, name := range names {
		if _, current := values[name]; !current {
			name = oldName(name)
		}
		if _, there := values[name]; !there {
			return nil, false
		}
		out = append(out, name)
	}
	return out, true
}
