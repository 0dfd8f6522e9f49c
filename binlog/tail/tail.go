package tail

import (
	"errors"
	"fmt"
	"iter"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
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
// commits: of a server in its own order, between servers by time. Only one transaction is in memory. It ends after the
// first error.
func Of(manifest capture.Manifest, dir string) iter.Seq2[*decode.Transaction, error] {
	return func(yield func(*decode.Transaction, error) bool) {
		if err := Visit(manifest, dir, &whole{yield}); err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// whole gathers the rows of each transaction.
type whole struct {
	yield func(*decode.Transaction, error) bool
}

func (w *whole) Begin(*decode.Transaction) error { return nil }

func (w *whole) Row(tx *decode.Transaction, row decode.Row) error {
	tx.Rows = append(tx.Rows, row)
	return nil
}

func (w *whole) End(tx *decode.Transaction) error {
	if !w.yield(tx, nil) {
		return errStopped
	}
	return nil
}
