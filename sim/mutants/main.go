// Command mutants breaks the daemon's code in one place at a time and plays worlds of the simulator with
// each variant until one fails. A variant that survives means that neither the worlds nor their
// invariants notice what the code is there for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
)

// options are the command line.
type options struct {
	seeds int    // so many worlds per mutant
	count int    // so many mutants, spread over the list; 0: all
	only  string // the mutant of that name
	from  string // the mutants of that name and after it
	root  string // of the module
	// results is the directory of what earlier runs found, "": nothing is kept. page is where the table goes
	// once every mutant has a result.
	results, page string
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 3000, "how many worlds a mutant may survive")
	flag.IntVar(&o.count, "mutants", 0, "how many mutants to run; 0 runs all")
	flag.StringVar(&o.only, "only", "", "run the mutant of this name")
	flag.StringVar(&o.from, "from", "", "go on with the mutant of this name")
	flag.StringVar(&o.root, "root", ".", "the directory of the module")
	flag.StringVar(&o.results, "results", "", "keep results in this directory; the whole list goes on where it stopped")
	flag.StringVar(&o.page, "page", "", "write the table to this file once every mutant has a result")
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

// run plays the chosen mutants and returns how many survived. Of the whole list those that have a result of
// this code are not played again.
func run(ctx context.Context, out io.Writer, o options) (survived int, err error) {
	chosen := choose(mutants(), o)
	if len(chosen) == 0 {
		return 0, fmt.Errorf("%w: there is no mutant %q", errMutant, o.only+o.from)
	}
	kept, err := openResults(o)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, fmt.Errorf("a directory for the variants: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p := player{options: o, dir: dir}
	for i := range chosen {
		m := &chosen[i]
		r, known := kept.of(m)
		if !known || len(chosen) < len(mutants()) {
			if r, err = p.play(ctx, m); err != nil {
				return survived, err
			}
			if err := kept.add(m, r); err != nil {
				return survived, err
			}
		}
		if !r.Caught {
			survived++
		}
		_, _ = fmt.Fprintf(out, "%-28s %-18s %-12s %s\n", m.name, r, r.By, m.breaks)
	}
	return survived, kept.publish(mutants())
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
