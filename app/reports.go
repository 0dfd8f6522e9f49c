package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/binlog/report"
)

// reports are the files of the divergences that this node captured, a directory each.
type reports struct{ dir string }

// reportsDir is the directory of all reports, below the data directory.
const reportsDir = "reports"

// errReportID means that an id is no name for a directory.
var errReportID = errors.New("app: not the id of a report")

// path is the directory of a report.
func (r *reports) path(id string) (string, error) {
	if id == "" || id == "." || strings.ContainsAny(id, `/\`) || !filepath.IsLocal(id) {
		return "", fmt.Errorf("%w: %q", errReportID, id)
	}
	return filepath.Join(r.dir, id), nil
}

// Open opens one file of a report.
func (r *reports) Open(_ context.Context, id string, part api.ReportPart) (io.ReadCloser, error) {
	dir, err := r.path(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrNoReport, err)
	}
	name, err := fileOf(part)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: report %s is captured and not compared yet, or on another node", api.ErrNoReport, id)
	}
	if err != nil {
		return nil, fmt.Errorf("app: report %s: %w", id, err)
	}
	return file, nil
}

func fileOf(part api.ReportPart) (string, error) {
	switch part {
	case api.PartSummary:
		return report.SummaryName, nil
	case api.PartTransactions:
		return report.TransactionsName, nil
	case api.PartHTML:
		return report.HTMLName, nil
	case api.PartSQL:
		return report.SQLName, nil
	case api.PartEntities:
	}
	return "", fmt.Errorf("%w: reports have no part %q; export ndjson, html or sql", api.ErrNoReport, part)
}
