package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

const introduction = `# Benchmarks

Written by %[1]s; do not edit it. The log of the new side is scanned for what met the old side: %[2]d transactions with
%[3]d rows, a third of which are rows of the log. The files were written by MySQL %[4]s, are cached, and are read by each contender in
turn, %[5]d times, all on one core of this machine: %[6]s. MB are millions of bytes **of file**.

- **compare** is all that a comparison does with the log of the new side: find whole transactions, check them, read the rows that matter.
- **compare, old side inserted** is the same where the old side inserted rows with a generated and a unique key, so that each inserted
  row may be a repetition and has to be looked at beyond its key.
- **full decode** makes every value of every row; **go-mysql** is the same with version 1.16 of that library, and **mysqlbinlog -v** prints to /dev/null.

`

// write writes the page.
func (r *report) write(to *strings.Builder) error {
	machine, err := machine()
	if err != nil {
		return err
	}
	say := func(format string, a ...any) { _, _ = fmt.Fprintf(to, format, a...) } // A builder does not fail.
	say(introduction, "`make bench-reconcile`", oldTransactions, oldRows, r.version, r.options.rounds, machine)
	say("| log | file | contender | MB/s per core | s of CPU: median (range) | s of time | times mysqlbinlog |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range shapes() {
		for _, name := range contenders(s.name) {
			if slices.Contains(ofOld(), name) {
				continue
			}
			all := r.results[pair{s.name, name}]
			spent, wall := medianOf(all, cpuOf), medianOf(all, wallOf)
			ratio := "–"
			if base := r.results[pair{s.name, printer}]; len(base) > 0 {
				ratio = fmt.Sprintf("%.1f", medianOf(base, cpuOf)/spent)
			}
			say("| %s | %d MB | %s | %.0f | %.2f (%.2f–%.2f) | %.2f | %s |\n", s.about, all[0].Bytes/1e6, name, float64(all[0].Bytes)/1e6/spent,
				spent, least(all), most(all), wall, ratio)
		}
	}
	r.writeOld(say)
	r.writeLong(say)
	return nil
}

const oldIntroduction = `
## The old side

The beginning of each file, %d MiB of whole transactions, is read as what only the old primary did. Each of its row changes is decoded in two passes
or more, kept by its key, looked up on the new primary, judged, and listed: this costs by row change, however short that is in the log. The
new primary did nothing and answers at once from memory, so that no row needs a person.

- **old side** is everything from the check of the captured file to the classified transactions.
- **old side with its report** also writes the report.

`

// writeOld writes what the old side of a comparison takes.
func (r *report) writeOld(say func(string, ...any)) {
	say(oldIntroduction, tailSize>>20)
	say("| log | row changes | contender | microseconds per row change | MB/s per core | s of CPU: median (range) | times mysqlbinlog |\n" +
		"| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range shapes() {
		for _, name := range ofOld() {
			all, base := r.results[pair{s.name, name}], r.results[pair{s.name, printer}]
			if len(all) == 0 || len(base) == 0 {
				continue
			}
			spent, bytes := medianOf(all, cpuOf), float64(all[0].Bytes)
			printed := medianOf(base, cpuOf) * bytes / float64(base[0].Bytes)
			say("| %s | %d | %s | %.1f | %.1f | %.2f (%.2f–%.2f) | %.2f |\n", s.about, all[0].Rows, name, 1e6*spent/float64(all[0].Rows),
				bytes/1e6/spent, spent, least(all), most(all), printed/spent)
		}
	}
}

func (r *report) writeLong(say func(string, ...any)) {
	whole, one := r.results[pair{long, compares}][0], r.results[pair{huge, compares}]
	say("\n## 10 GiB\n\nThe long log is %d files, %.1f GB in all, one half of narrow rows and one of small transactions: the server's files several\n"+
		"times over, with other numbers.\n\n", longFiles, float64(whole.Bytes)/1e9)
	say("- Locating the divergence among long transactions took %.0f ms, among small ones %.0f ms (medians of %d, cached).\n",
		1e3*medianOf(r.results[pair{long, locates}], wallOf), 1e3*medianOf(r.results[pair{long, hops}], wallOf), r.options.rounds)
	say("- Comparing all of it took %.1f s of CPU, %.0f MB/s, with %d MiB resident at most.\n", whole.CPU, float64(whole.Bytes)/1e6/whole.CPU, whole.Resident>>20)
	say("- Comparing one transaction of %.1f GB took %d MiB resident at most.\n", float64(one[0].Bytes)/1e9, slices.MaxFunc(one, byResident).Resident>>20)
}

func byResident(a, b result) int { return int(a.Resident - b.Resident) }

func cpuOf(r result) float64  { return r.CPU }
func wallOf(r result) float64 { return r.Wall }

func medianOf(all []result, of func(result) float64) float64 {
	var values []float64
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func least(all []result) float64 {
	return slices.MinFunc(all, byCPU).CPU
}

func most(all []result) float64 {
	return slices.MaxFunc(all, byCPU).CPU
}

func byCPU(a, b result) int {
	if a.CPU < b.CPU {
		return -1
	}
	return 1
}

// machine describes the machine by what speed depends on.
func machine() (string, error) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found {
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if fields["model name"] == "" {
		return "", errors.New("/proc/cpuinfo names no model")
	}
	return fmt.Sprintf("%d cores, %s, %s of cache, %s %s", runtime.NumCPU(), fields["model name"], fields["cache size"], runtime.GOOS, runtime.GOARCH), nil
}
