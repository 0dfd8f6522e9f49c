package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/lab/mysqld"
)

// printer is the contender that all others are compared with.
const printer = "mysqlbinlog -v"

// report runs everything and remembers the results.
type report struct {
	options

	results map[pair][]result
	// mysqlbinlog is the command that prints a log, and version the server's.
	mysqlbinlog []string
	version     string
}

// pair is a contender on a log.
type pair struct{ shape, contender string }

// contenders are those that take turns on a log.
func contenders(shape string) []string {
	switch shape {
	case huge:
		return []string{compares}
	case long:
		return []string{locates, hops}
	case wide:
		return append([]string{compares, decodes, library, printer}, ofOld()...) // Nothing is inserted.
	}
	return append([]string{compares, repeats, decodes, library, printer}, ofOld()...)
}

// ofOld are the contenders that read the beginning of a log as the old side.
func ofOld() []string { return []string{classifies, reports} }

func (r *report) run(ctx context.Context, out io.Writer) error {
	r.results = map[pair][]result{}
	if err := r.findPrinter(ctx); err != nil {
		return err
	}
	for _, s := range shapes() {
		if err := r.rounds(ctx, out, s.name, contenders(s.name)); err != nil {
			return err
		}
	}
	if err := r.rounds(ctx, out, long, contenders(long)); err != nil {
		return err
	}
	once := *r
	once.options.rounds = 1
	return once.rounds(ctx, out, long, []string{compares})
}

// rounds lets the contenders take turns. A first turn of the cheapest reads the file into memory.
func (r *report) rounds(ctx context.Context, out io.Writer, shape string, names []string) error {
	if _, err := r.turn(ctx, shape, names[0]); err != nil {
		return err
	}
	for range r.options.rounds {
		for _, name := range names {
			result, err := r.turn(ctx, shape, name)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", shape, name, err)
			}
			if _, err := fmt.Fprintf(out, "%-12s %-28s %7.3f s wall %7.3f s cpu %6d MiB resident, %d keys met\n",
				shape, name, result.Wall, result.CPU, result.Resident>>20, result.Met); err != nil {
				return err
			}
			key := pair{shape, name}
			r.results[key] = append(r.results[key], result)
		}
	}
	return nil
}

// turn is one run, on the one core.
func (r *report) turn(ctx context.Context, shape, name string) (result, error) {
	if name == printer {
		return r.print(ctx, shape)
	}
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	var out bytes.Buffer
	cmd := r.command(ctx, self, "-measure", name, "-shape", shape, "-dir", r.dir)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return result{}, err
	}
	var got result
	return got, json.Unmarshal(out.Bytes(), &got)
}

// command is a program on the one core.
func (r *report) command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", r.core}, words...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	return cmd
}

// print lets mysqlbinlog print a file to nowhere.
func (r *report) print(ctx context.Context, shape string) (result, error) {
	info, err := os.Stat(r.file(shape))
	if err != nil {
		return result{}, err
	}
	cmd := r.command(ctx, append(slices.Clone(r.mysqlbinlog), "--no-defaults", "-v", r.file(shape))...)
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return result{}, err
	}
	state := cmd.ProcessState
	return result{Wall: time.Since(begin).Seconds(), CPU: (state.UserTime() + state.SystemTime()).Seconds(), Bytes: info.Size()}, nil
}

func (r *report) findPrinter(ctx context.Context) error {
	in, err := mysqld.Locate(ctx, mysqld.FromEnvironment(os.Stderr))
	if err != nil {
		return err
	}
	r.version = in.Version.String()
	r.mysqlbinlog = in.ClientCommand()
	program := len(r.mysqlbinlog) - 1
	r.mysqlbinlog[program] = filepath.Join(filepath.Dir(r.mysqlbinlog[program]), "mysqlbinlog")
	return nil
}

// publish prints the tables, and writes them to the page.
func (r *report) publish(out io.Writer) error {
	var page strings.Builder
	if err := r.write(&page); err != nil {
		return err
	}
	if _, err := io.WriteString(out, page.String()); err != nil {
		return err
	}
	if r.page == "" {
		return nil
	}
	return os.WriteFile(r.page, []byte(page.String()), 0o644)
}
