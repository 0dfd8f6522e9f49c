package mysql

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/topology"
)

// Configure sets global variables and reads the state back: persist for now and for every boot,
// persistOnly for boots only, transient for now only. Names are in current words. Semi-sync is
// switched off before its other settings change and on after them.
func (s *Session) Configure(ctx context.Context, persist, persistOnly, transient map[string]string) (*topology.Facts, error) {
	facts, err := s.run(ctx, s.assignments(persist, persistOnly, transient))
	if code(err) == codePrivilege {
		err = fmt.Errorf("%w; run there: GRANT SYSTEM_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN ON *.* TO %s", err, quote(s.server.options.Control.User))
	}
	return facts, err
}

func (s *Session) assignments(persist, persistOnly, transient map[string]string) *batch {
	type assignment struct{ scope, name, value string }
	var all []assignment
	scopes := []struct {
		scope  string
		values map[string]string
	}{{"PERSIST_ONLY", persistOnly}, {"PERSIST", persist}, {"GLOBAL", transient}}
	for _, sc := range scopes {
		for _, name := range slices.Sorted(maps.Keys(sc.values)) {
			all = append(all, assignment{sc.scope, name, sc.values[name]})
		}
	}
	slices.SortStableFunc(all, func(a, b assignment) int { return rank(a.name, a.value) - rank(b.name, b.value) })
	b := &batch{}
	for _, a := range all {
		statement := "SET " + a.scope + " " + s.last.dialect.variable(a.name) + " = " + literal(a.value)
		b.effect(statement, statement)
	}
	return b
}

// rank orders assignments: what is switched off first, what is switched on last.
func rank(name, value string) int {
	switch {
	case !strings.HasPrefix(name, "rpl_semi_sync_") || !strings.HasSuffix(name, "_enabled"):
		return 1
	case strings.EqualFold(value, "OFF") || value == "0":
		return 0
	}
	return 2
}

// literal writes a variable's value: numbers bare, since numeric variables refuse strings.
func literal(value string) string {
	if _, err := strconv.ParseUint(value, 10, 64); err == nil {
		return value
	}
	return quote(value)
}
