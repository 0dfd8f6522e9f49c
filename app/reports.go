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
	"github.com/regentdb/regent/binlog/mirror"
	"github.com/regentdb/regent/binlog/replay"
	"github.com/regentdb/regent/binlog/report"
)

// reports are the files of the divergences that this node captured, a directory each.
type reports struct {
	dir    string
	mirror *mirror.Mirror
}

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

// usable tells why the files of a report must not be used here: a copy of them is not, or not yet, what the original was.
func (r *reports) usable(dir string) error {
	if mirror.Unfinished(dir) {
		return fmt.Errorf("%w: the copy on this node is being brought up to date; try again", api.ErrNoReport)
	}
	if _, copied := mirror.Copied(dir); !copied {
		return nil
	}
	err := r.mirror.Verify(dir)
	if err == nil {
		return nil
	}
	if forgotten := mirror.Disown(dir); forgotten != nil { // So that it is fetched anew.
		return errors.Join(err, forgotten)
	}
	return fmt.Errorf("%w: %w; it is fetched anew", api.ErrNoReport, err)
}

// Copy writes one part of a report. Package report hides the values of rows unless they are revealed.
func (r *reports) Copy(_ context.Context, w io.Writer, id string, part api.ReportPart, reveal bool) error {
	dir, err := r.path(id)
	if err != nil {
		return fmt.Errorf("%w: %w", api.ErrNoReport, err)
	}
	if err := r.usable(dir); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, report.SummaryName)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: report %s is captured and not compared yet, or on another node", api.ErrNoReport, id)
	}
	switch part {
	case api.PartSummary:
		return copyFile(w, filepath.Join(dir, report.SummaryName))
	case api.PartTransactions:
		return report.CopyTransactions(w, dir, reveal)
	case api.PartHTML:
		return report.WriteHTML(w, dir, reveal)
	case api.PartSQL:
		return copyFile(w, filepath.Join(dir, report.SQLName))
	case api.PartEntities:
		return report.WriteEntitiesNDJSON(w, dir, reveal)
	case api.PartEntitiesCSV:
		return report.WriteEntitiesCSV(w, dir, reveal)
	case api.PartHandover:
		return replay.WriteHandover(w, dir, reveal)
	case api.PartHandoverCSV:
		return replay.WriteHandoverCSV(w, dir, reveal)
	}
	return fmt.Errorf("%w: reports have no part %q; export ndjson, html, sql or entities", api.ErrNoReport, part)
}

func copyFile(w io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("app: read a report: %w", err)
	}
	_, err = io.Copy(w, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("app: read a report: %w", err)
	}
	return nil
}
