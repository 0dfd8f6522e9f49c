package tail

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Transactions iterates over what was captured into the directory: within a file in its own order, between files by the
// time of the commit. It ends after the first error, which wraps capture.ErrChecksum where a file is not what was
// captured.
func Transactions(dir string) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		manifest, err := capture.ReadManifest(dir)
		if err == nil {
			err = manifest.Verify(dir)
		}
		if err == nil {
			err = merge(queues(dir, manifest), yield)
		}
		if err != nil {
			yield(nil, fmt.Errorf("tail: %w", err))
		}
	}
}

// queue is a captured file, of which the next transaction was read.
type queue struct {
	head *decode.Transaction
	next func() (*decode.Transaction, error, bool)
	stop func()
}

// queues opens every file. What an earlier server gave is passed over in the files of the later ones.
func queues(dir string, m capture.Manifest) []*queue {
	var out []*queue
	var taken gtid.Set
	for _, server := range m.Servers {
		for _, file := range server.Files {
			q := &queue{}
			q.next, q.stop = iter.Pull2(fileTransactions(filepath.Join(dir, filepath.Base(file.Name)), taken))
			out = append(out, q)
		}
		taken = taken.Union(server.Captured)
	}
	return out
}

func fileTransactions(path string, taken gtid.Set) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		if err := readFile(path, taken, yield); err != nil {
			yield(nil, fmt.Errorf("%s: %w", path, err))
		}
	}
}

func readFile(path string, taken gtid.Set, yield func(*decode.Transaction, error) bool) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for tx, failure := range decode.Transactions(in) {
		if failure != nil {
			return failure
		}
		if !taken.ContainsGTID(tx.GTID) && !yield(tx, nil) {
			return nil
		}
	}
	return nil
}

// merge takes from the queue whose next transaction is the oldest.
func merge(all []*queue, yield func(*decode.Transaction, error) bool) error {
	defer func() {
		for _, q := range all {
			q.stop()
		}
	}()
	open := slices.Clone(all)
	for _, q := range open {
		if err := q.advance(); err != nil {
			return err
		}
	}
	for {
		open = slices.DeleteFunc(open, func(q *queue) bool { return q.head == nil })
		if len(open) == 0 {
			return nil
		}
		first := slices.MinFunc(open, func(a, b *queue) int { return a.head.CommittedAt.Compare(b.head.CommittedAt) })
		if !yield(first.head, nil) {
			return nil
		}
		if err := first.advance(); err != nil {
			return err
		}
	}
}

// advance reads the next transaction; head is nil behind the last one.
func (q *queue) advance() error {
	tx, err, ok := q.next()
	if !ok {
		tx = nil
	}
	q.head = tx
	return err
}
