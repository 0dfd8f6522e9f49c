// Command bench measures how fast the logs of both sides are compared, beside mysqlbinlog -v and go-mysql on the same
// files, which a real server wrote. Everything runs on one core, and the contenders take turns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

// options are the command line.
type options struct {
	dir    string // of the files
	size   int64  // of each file, in bytes
	rounds int
	core   string
	page   string // where the tables go too; empty for nowhere
	make   bool   // only make the files
	keep   bool   // the files of the long log
	// measure and shape are those of a child that measures one run.
	measure, shape string
}

func main() {
	var o options
	var mebibytes int64
	flag.StringVar(&o.dir, "dir", "bin/bench", "the directory of the log files, which are used again")
	flag.Int64Var(&mebibytes, "size", 160, "the size of each log file in MiB")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each contender runs on each file")
	flag.StringVar(&o.core, "core", "1", "the core that everything runs on")
	flag.StringVar(&o.page, "page", "", "write the tables to this file")
	flag.BoolVar(&o.make, "make", false, "only make the log files")
	flag.BoolVar(&o.keep, "keep", false, "keep the long log, which takes 10 GiB")
	flag.StringVar(&o.measure, "measure", "", "measure one run: for the command itself")
	flag.StringVar(&o.shape, "shape", "", "the file of that run")
	flag.Parse()
	o.size = mebibytes << 20
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, o)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	if o.measure != "" {
		return measure(ctx, out, o)
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := makeLogs(ctx, o); err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(o.path(long))) }()
	}
	if err := makeLong(o); err != nil || o.make {
		return err
	}
	r := report{options: o}
	if err := r.run(ctx, out); err != nil {
		return err
	}
	return r.publish(out)
}

// path is the directory of the log of that shape.
func (o options) path(shape string) string { return filepath.Join(o.dir, shape) }
