package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// result is what became of a mutant: the seed of the world that failed, and what it violated.
type result struct {
	Caught bool   `json:"caught"`
	Seed   uint64 `json:"seed,omitempty"`
	By     string `json:"by,omitempty"`
	Worlds int    `json:"worlds"`
}

func (r result) String() string {
	if !r.Caught {
		return "SURVIVED"
	}
	return fmt.Sprintf("caught seed=%d", r.Seed)
}

// line is a result as it is kept: of one mutant of one state of the code.
type line struct {
	Name   string `json:"name"`
	Code   string `json:"code"`
	Result result `json:"result"`
}

// ledger is the file of results.
type ledger struct {
	options
	path string // "": nothing is kept
	code string // of the code without mutants
	seen map[string]result
}

// openResults reads what earlier runs have found with the code as it is now.
func openResults(o options) (*ledger, error) {
	l := &ledger{options: o, seen: map[string]result{}}
	if o.results == "" {
		return l, nil
	}
	var err error
	if l.code, err = digest(o.root); err != nil {
		return nil, fmt.Errorf("the state of the code: %w", err)
	}
	if err := os.MkdirAll(o.results, 0o750); err != nil {
		return nil, fmt.Errorf("the directory of results: %w", err)
	}
	l.path = filepath.Join(o.results, "mutants.ndjson")
	file, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var r line
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", l.path, err)
		}
		l.seen[r.Name+r.Code] = r.Result
	}
	return l, lines.Err()
}

// of is the result of a mutant, if it has one of as many worlds.
func (l *ledger) of(m *mutant) (result, bool) {
	r, known := l.seen[m.name+l.state(m)]
	return r, known && (r.Caught || r.Worlds >= l.seeds)
}

// state names the code together with what the mutant does to it.
func (l *ledger) state(m *mutant) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %q", l.code, m.edits)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// add keeps a result.
func (l *ledger) add(m *mutant, r result) error {
	state := l.state(m)
	l.seen[m.name+state] = r
	if l.path == "" {
		return nil
	}
	text, err := json.Marshal(line{Name: m.name, Code: state, Result: r})
	if err != nil {
		return fmt.Errorf("the result of %s: %w", m.name, err)
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}

// publish writes the table once every mutant has a result.
func (l *ledger) publish(all []mutant) error {
	if l.page == "" {
		return nil
	}
	for i := range all {
		if _, known := l.of(&all[i]); !known {
			return nil
		}
	}
	if err := os.WriteFile(l.page, []byte(l.table(all)), 0o644); err != nil { //nolint:gosec // a page of the documentation
		return fmt.Errorf("the page: %w", err)
	}
	return nil
}

// table is the page.
func (l *ledger) table(all []mutant) string {
	var rows strings.Builder
	survived := 0
	for i := range all {
		m := &all[i]
		r, _ := l.of(m)
		seed := fmt.Sprint(r.Seed)
		if !r.Caught {
			survived++
			seed, r.By = "**survived**", "-"
		}
		_, _ = fmt.Fprintf(&rows, "| `%s` | %s | %s | %s |\n", m.name, m.breaks, seed, r.By)
	}
	return fmt.Sprintf(`# Mutants

Each row is the code broken in one place, and the first world of the simulator that noticed. %[1]s writes this page, and goes on where it
stopped; %[2]s plays one of them. A world is played from a seed, and a seed that fails without the mutant too counts for nothing.
What an invariant says is in [safety.md](safety.md) and in the simulator's documentation (%[3]s); "convergence" means that the cluster did not come to
rest after everything was healed. Seeds are those of this state of the code: a change of the worlds moves them.

%[4]d mutants, %[5]d caught within %[6]d worlds, %[7]d survived.

| mutant | what is broken | caught at seed | by |
| --- | --- | ---: | --- |
%[8]s`, "`make mutants`", "`make mutants MUTANT=name`", "`go doc ./sim`", len(all), len(all)-survived, l.seeds, survived, rows.String())
}

// digest names the state of all code that takes part in a world, the mutants not included.
func digest(root string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == filepath.Join("sim", "mutants") || rel == "bin" || strings.HasPrefix(d.Name(), ".") && rel != "."):
			return filepath.SkipDir
		case d.IsDir() || !takesPart(rel):
			return nil
		}
		text, err := os.ReadFile(path)
		_, _ = fmt.Fprintf(h, "%s %d\n%s", rel, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// takesPart tells whether a file is built into a world.
func takesPart(path string) bool {
	name := filepath.Base(path)
	source := strings.HasSuffix(name, ".go") && (!strings.HasSuffix(name, "_test.go") || filepath.Dir(path) == "sim")
	return source || name == "go.mod"
}
