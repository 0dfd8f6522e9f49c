package report_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/report"
)

// BenchmarkReport measures writing the lines of a report, and each part that is made of them.
func BenchmarkReport(b *testing.B) {
	for _, bench := range []struct {
		name   string
		rows   int
		shapes []shape
	}{
		{"narrow", 200_000, []shape{narrow()}},
		{"wide", 20_000, []shape{wide()}},
	} {
		in, each := made(bench.rows, bench.shapes...)
		var all []classify.Transaction
		if err := each(func(tx classify.Transaction) error {
			all = append(all, tx)
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		dir := b.TempDir()
		lines := func() error { return linesOnly(dir, in, all) }
		if err := lines(); err != nil {
			b.Fatal(err)
		}
		in.Transactions = all
		if _, err := report.Write(dir, in); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, report.TransactionsName))
		if err != nil {
			b.Fatal(err)
		}
		run := func(part string, do func() error) {
			b.Run(bench.name+"/"+part, func(b *testing.B) {
				b.SetBytes(info.Size())
				b.ReportAllocs()
				before := cpu(b)
				for b.Loop() {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
				spent := (cpu(b) - before) / float64(b.N)
				b.ReportMetric(float64(bench.rows)/spent, "rows/cpu-s")
				b.ReportMetric(float64(info.Size())/spent/1e6, "MB/cpu-s")
			})
		}
		run("lines", lines)
		run("page", func() error { return report.WriteHTML(io.Discard, dir, false) })
		run("page revealed", func() error { return report.WriteHTML(io.Discard, dir, true) })
		run("SQL", func() error { return report.WriteSQL(io.Discard, dir) })
		run("redacted lines", func() error { return report.CopyTransactions(io.Discard, dir, false) })
		run("entities", func() error { return report.WriteEntitiesNDJSON(io.Discard, dir, false) })
		run("all", func() error {
			_, err := report.Write(dir, in)
			return err
		})
	}
}

// cpu is how many seconds of processor time this process took, collection of garbage included: on a machine that does
// other things too it says more than the clock.
func cpu(b *testing.B) float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// linesOnly writes the lines and drops them.
func linesOnly(dir string, in report.Input, all []classify.Transaction) error {
	w, err := report.Create(dir, in)
	if err != nil {
		return err
	}
	for _, tx := range all {
		if err := w.Add(tx); err != nil {
			return err
		}
	}
	return w.Abandon()
}
