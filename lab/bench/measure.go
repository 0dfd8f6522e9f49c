package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/gtid"
)

// result is one run.
type result struct {
	// Wall and CPU are what it took, in seconds.
	Wall, CPU float64
	// Bytes are those of the files.
	Bytes int64
	// Met counts the keys of the old side that the new side touched.
	Met int
	// Rows counts the row changes of the old side, where it is what was measured.
	Rows int
	// Resident is the most memory that the process ever had, in bytes.
	Resident int64
}

// memory is what a comparison takes for what it remembers, in bytes.
const memory = 64 << 20

// What a child measures.
const (
	compares = "compare"
	repeats  = "compare, old side inserted"
	decodes  = "full decode"
	library  = "go-mysql"
	locates  = "locate"
	hops     = "locate, small transactions"
)

// measure measures one run in this process and prints the result.
func measure(ctx context.Context, out io.Writer, o options) (err error) {
	var r result
	if o.measure == classifies || o.measure == reports {
		r, err = measureOld(ctx, o)
	} else {
		r, err = measureNew(ctx, o)
	}
	if err != nil {
		return err
	}
	if r.Resident, err = resident(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// measureNew measures something that reads the log of the new side, or a contender.
func measureNew(ctx context.Context, o options) (r result, err error) {
	run, prepare := map[string]func(context.Context, options, *diff.Divergence) error{
		compares: compare, repeats: compare, decodes: decodeAll, library: libraryAll, locates: locate, hops: locate,
	}[o.measure], o.measure == compares || o.measure == repeats
	if run == nil {
		return r, fmt.Errorf("nothing is called %q", o.measure)
	}
	var d *diff.Divergence
	if prepare {
		space, err := spill.Open(filepath.Join(o.dir, "comparing"), memory)
		if err != nil {
			return r, err
		}
		defer func() { _ = space.Close() }()
		if d, err = oldSide(o.sampled(), o.measure == repeats, space); err != nil {
			return r, err
		}
	}
	log, err := files.Open(o.path(o.shape))
	if err != nil {
		return r, err
	}
	for _, f := range log.Files {
		info, err := os.Stat(log.Dir + "/" + f.Name)
		if err != nil {
			return r, err
		}
		r.Bytes += info.Size()
	}
	begin, spent := time.Now(), cpu()
	if err := run(ctx, o, d); err != nil {
		return r, err
	}
	r.Wall, r.CPU = time.Since(begin).Seconds(), (cpu() - spent).Seconds()
	if d != nil {
		r.Met = met(d)
	}
	return r, nil
}

// sampled is the file that the old side is made from.
func (o options) sampled() string {
	if o.shape == long {
		return o.file(narrow)
	}
	return o.file(o.shape)
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func resident() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kibibytes int64
		if n, err := fmt.Sscanf(line, "VmHWM: %d kB", &kibibytes); n == 1 && err == nil {
			return kibibytes << 10, nil
		}
	}
	return 0, errors.New("no VmHWM in /proc/self/status")
}

// compare is what a comparison does with the log of the new side.
func compare(ctx context.Context, o options, d *diff.Divergence) error {
	log, err := files.Open(o.path(o.shape))
	if err != nil {
		return err
	}
	visitor := &seen{NewSide: d.NewSide()}
	return capture.Scan(ctx, capture.Endpoint{Server: "new", Files: o.path(o.shape)}, log.Files[0].Previous, visitor)
}

// seen also notes which transactions there are, as a comparison does.
type seen struct {
	*diff.NewSide

	transactions files.Collector
}

// Begin begins a transaction.
func (s *seen) Begin(tx *decode.Transaction) error {
	s.transactions.Add(tx.GTID)
	return s.NewSide.Begin(tx)
}

// decodeAll makes all values of all rows.
func decodeAll(_ context.Context, o options, _ *diff.Divergence) (err error) {
	in, err := os.Open(o.file(o.shape))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return decode.Scan(in, everything{})
}

// everything makes all values and keeps none.
type everything struct{}

// Begin begins a transaction.
func (everything) Begin(*decode.Transaction) error { return nil }

// Row makes the values.
func (everything) Row(tx *decode.Transaction, c *decode.Change) error {
	c.Values(tx)
	return nil
}

// Statement passes over a statement.
func (everything) Statement(*decode.Transaction, decode.Statement) error { return nil }

// End ends a transaction.
func (everything) End(tx *decode.Transaction) error {
	if len(tx.Undecodable) > 0 {
		return fmt.Errorf("%s: %s: %w", tx.GTID, tx.Undecodable[0], decode.ErrCorrupt)
	}
	return nil
}

// libraryAll decodes everything with go-mysql, in the fastest way that it has.
func libraryAll(_ context.Context, o options, _ *diff.Divergence) (err error) {
	in, err := os.Open(o.file(o.shape))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	parser := replication.NewBinlogParser()
	parser.SetVerifyChecksum(true)
	if _, err := in.Seek(int64(len(decode.Magic)), io.SeekStart); err != nil {
		return err
	}
	return parser.ParseReader(bufio.NewReaderSize(in, 1<<20), func(*replication.BinlogEvent) error { return nil })
}

// locate finds where the divergence begins: with the last transaction of a file in the middle of the log, or of the last
// file but one, whose transactions are small.
func locate(_ context.Context, o options, _ *diff.Divergence) error {
	log, err := files.Open(o.path(o.shape))
	if err != nil {
		return err
	}
	next := longFiles / 2
	if o.measure == hops {
		next = longFiles - 1
	}
	before := log.Files[next].Previous
	last := before.Count()
	place, err := log.Locate(gtid.MustParse(fmt.Sprintf("%s:1-%d", before.UUIDs()[0], last-1)))
	if err != nil {
		return err
	}
	if place.First.Seq != last {
		return fmt.Errorf("the divergence was found at %s, not at %d", place.First, last)
	}
	return nil
}
