package binlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// fileTransactions reads the transactions of a captured file that no earlier one held.
func fileTransactions(dir string, file capture.File, taken gtid.Set) (out []*decode.Transaction, err error) {
	path := filepath.Join(dir, filepath.Base(file.Name))
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for tx, failure := range decode.Transactions(in) {
		if failure != nil {
			return nil, fmt.Errorf("%s: %w", path, failure)
		}
		if !taken.ContainsGTID(tx.GTID) {
			out = append(out, tx)
		}
	}
	return out, nil
}
