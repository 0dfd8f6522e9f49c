//go:build integration

package binlog_test

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/report"
)

// sameInFiles compares once more with next to no memory, so that everything is remembered in files.
func (s *split) sameInFiles(r binlog.CompareRequest) {
	s.t.Helper()
	var lines [2][]byte
	for i := range lines {
		if i > 0 {
			r.Memory = 1
			if _, err := binlog.Compare(s.t.Context(), r); err != nil {
				s.t.Fatal(err)
			}
		}
		var err error
		if lines[i], err = os.ReadFile(filepath.Join(r.Dir, report.TransactionsName)); err != nil {
			s.t.Fatal(err)
		}
	}
	if !bytes.Equal(lines[0], lines[1]) {
		s.t.Errorf("with little memory the report is another: %d bytes, else %d", len(lines[1]), len(lines[0]))
	}
}
