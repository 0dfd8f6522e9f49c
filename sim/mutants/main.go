// Command mutants breaks the daemon's code in one place at a time and plays worlds of the simulator with
// each variant until one fails. A variant that survives means that neither the worlds nor their
// invariants notice what the code is there for.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// options are the command line.
type options struct {
	seeds int    // so many worlds per mutant
	count int    // so many mutants, spread over the list; 0: all
	only  string // the mutant of that name
	from  string // the mutants of that name and after it
	root  string // of the module
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 2000, "how many worlds a mutant may survive")
	flag.IntVar(&o.count, "mutants", 0, "how many mutants to run; 0 runs all")
	flag.StringVar(&o.only, "only", "", "run the mutant of this name")
	flag.StringVar(&o.from, "from", "", "go on with the mutant of this name")
	flag.StringVar(&o.root, "root", ".", "the directory of the module")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	survived, err := run(ctx, os.Stdout, o)
	stop()
	switch {
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	case survived > 0:
		os.Exit(1)
	}
}

// run plays the chosen mutants and returns how many survived.
func run(ctx context.Context, out io.Writer, o options) (survived int, err error) {
	chosen := choose(mutants(), o)
	if len(chosen) == 0 {
		return 0, fmt.Errorf("%w: there is no mutant %q", errMutant, o.only+o.from)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, fmt.Errorf("a directory for the variants: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, m := range chosen {
		seed, caught, err := m.play(ctx, o, dir)
		if err != nil {
			return survived, err
		}
		verdict := "SURVIVED"
		if caught {
			verdict = fmt.Sprintf("caught seed=%d", seed)
		} else {
			survived++
		}
		_, _ = fmt.Fprintf(out, "%-28s %-18s %s\n", m.name, verdict, m.breaks)
	}
	return survived, nil
}

// choose picks the mutants to run.
func choose(all []mutant, o options) []mutant {
	var out []mutant
	if o.from != "" {
		at := slices.IndexFunc(all, func(m mutant) bool { return m.name == o.from })
		if at < 0 {
			return nil
		}
		all = all[at:]
	}
	for i, m := range all {
		switch {
		case o.only != "":
			if m.name == o.only {
				out = append(out, m)
			}
		case o.count == 0 || o.count >= len(all) || i%(len(all)/o.count) == 0 && len(out) < o.count:
			out = append(out, m)
		}
	}
	return out
}

// errMutant means that a mutant is not what it should be.
var errMutant = errors.New("mutant")

// patched are the changed files of a mutant, by path below the module's root.
func (m *mutant) patched(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range m.edits {
		text, known := files[e.file]
		if !known {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return nil, fmt.Errorf("%w %s: %w", errMutant, m.name, err)
			}
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%w %s: its text is found %d times in %s, not once; write the mutant anew:\n%s", errMutant, m.name, n, e.file, e.old)
		}
		files[e.file] = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return files, nil
}

// build compiles the simulator with a mutant in place of the files that it changes.
func (m *mutant) build(ctx context.Context, o options, dir string) (string, error) {
	files, err := m.patched(o.root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		at, err := filepath.Abs(filepath.Join(o.root, name))
		if err != nil {
			return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
		}
		replace[at] = filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(replace[at], text, 0o600); err != nil {
			return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
	}
	list, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
	}
	c := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", list, "-o", program, "./sim")
	c.Dir = o.root
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w %s does not compile: %w\n%s", errMutant, m.name, err, said)
	}
	return program, nil
}

// failedSeed finds the seed of a world that failed in what a series said.
var failedSeed = regexp.MustCompile(`seed (\d+): `)

// play runs worlds until one fails.
func (m *mutant) play(ctx context.Context, o options, dir string) (seed uint64, caught bool, err error) {
	program, err := m.build(ctx, o, dir)
	if err != nil {
		return 0, false, err
	}
	c := exec.CommandContext(ctx, program, "-test.run", "Seeds$", "-seeds", strconv.Itoa(o.seeds), "-enough", "1", "-test.timeout", "1h")
	c.Dir = filepath.Join(o.root, "sim")
	said, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch found := failedSeed.FindSubmatch(said); {
	case err == nil:
		return 0, false, nil
	case errors.As(err, &exit) && found != nil:
		seed, err := strconv.ParseUint(string(found[1]), 10, 64)
		return seed, true, err
	default:
		return 0, false, fmt.Errorf("%w %s could not be played: %w\n%s", errMutant, m.name, err, said[:min(len(said), 4000)])
	}
}
