package tail

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Transactions iterates over what was captured into the directory, in the order of [Of]. It ends after the first error,
// which wraps capture.ErrChecksum where a file is not what was captured.
func Transactions(dir string) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		manifest, err := capture.ReadManifest(dir)
		if err == nil {
			err = manifest.Verify(dir)
		}
		if err != nil {
			yield(nil, fmt.Errorf("tail: %w", err))
			return
		}
		Of(manifest, dir)(yield)
	}
}

// Of iterates over the transactions of all files of a manifest that was verified, each once, in the order of their
// commits: of a server in its own order, between servers by time. Only one transaction of each server is in memory. It
// ends after the first error.
func Of(manifest capture.Manifest, dir string) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		var queues []*queue
		var taken gtid.Set
		for _, server := range manifest.Servers {
			next, stop := iter.Pull2(serverTransactions(dir, server, taken))
			defer stop()
			queues = append(queues, &queue{next: next})
			taken = taken.Union(server.Captured)
		}
		for {
			tx, err := oldest(&queues)
			if err != nil {
				yield(nil, fmt.Errorf("tail: %w", err))
				return
			}
			if tx == nil || !yield(tx, nil) {
				return
			}
		}
	}
}

// serverTransactions iterates over what was captured from one server and is not taken yet, in its commit order: a
// capture that was taken up again has several files, each later than the one before.
func serverTransactions(dir string, server capture.ServerCapture, taken gtid.Set) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		for _, file := range server.Files {
			for tx, err := range fileTransactions(filepath.Join(dir, filepath.Base(file.Name))) {
				if err == nil && taken.ContainsGTID(tx.GTID) {
					continue
				}
				if !yield(tx, err) || err != nil {
					return
				}
			}
		}
	}
}

// fileTransactions iterates over the transactions of a captured file. It ends after the first error.
func fileTransactions(path string) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		in, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = in.Close() }() // It was only read.
		for tx, err := range decode.Transactions(in) {
			if err != nil {
				yield(nil, fmt.Errorf("%s: %w", path, err))
				return
			}
			if !yield(tx, nil) {
				return
			}
		}
	}
}

// queue is the captured transactions of one server with the next of them.
type queue struct {
	head *decode.Transaction
	next func() (*decode.Transaction, error, bool)
}

// oldest takes the next transaction from the queue where it is the oldest; nil where all are empty.
func oldest(queues *[]*queue) (*decode.Transaction, error) {
	for _, q := range *queues {
		if q.head != nil {
			continue
		}
		tx, err, more := q.next()
		if err != nil {
			return nil, err
		}
		if more {
			q.head = tx
		}
	}
	*queues = slices.DeleteFunc(*queues, func(q *queue) bool { return q.head == nil })
	if len(*queues) == 0 {
		return nil, nil
	}
	first := slices.MinFunc(*queues, func(a, b *queue) int { return a.head.CommittedAt.Compare(b.head.CommittedAt) })
	tx := first.head
	first.head = nil
	return tx, nil
}
