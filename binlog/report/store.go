package report

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/durable"
)

// Names of the files of a report.
const (
	SummaryName      = "report.json"
	TransactionsName = "transactions.ndjson"
	UndecodableName  = "undecodable.ndjson"
	TablesName       = "tables.json"
	HTMLName         = "report.html"
	SQLName          = "replay.sql"
	keyName          = "redaction.key"
)

// writeFile writes one file of a report.
func writeFile(dir, name string, fill func(io.Writer) error) error {
	if err := durable.Replace(filepath.Join(dir, name), fill); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func writeSummary(dir string, s Summary) error {
	return writeFile(dir, SummaryName, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	})
}

// keepKey makes the key of the hashes once, so that hashes of two exports of a report agree.
func keepKey(dir string) error {
	_, err := os.Stat(filepath.Join(dir, keyName))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeFile(dir, keyName, func(w io.Writer) error {
		_, err := io.WriteString(w, rand.Text())
		return err
	})
}

func readRedactor(dir string, harmless []Column) (*redactor, error) {
	key, err := os.ReadFile(filepath.Join(dir, keyName))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return newRedactor(key, harmless), nil
}

// ReadSummary reads the summary of a report. It returns an error that wraps fs.ErrNotExist where there is none.
func ReadSummary(dir string) (Summary, error) {
	var s Summary
	text, err := os.ReadFile(filepath.Join(dir, SummaryName))
	if err != nil {
		return s, fmt.Errorf("report: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("report: %s: %w", filepath.Join(dir, SummaryName), err)
	}
	s.Dir = dir
	return s, nil
}

// SetState changes the state of a report, and nothing else of it.
func SetState(dir string, state State) error {
	s, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	s.State = state
	return writeSummary(dir, s)
}

// List reads the summaries of all reports below a directory, the newest first. A directory that does not exist holds
// none.
func List(dir string) ([]Summary, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", SummaryName))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	out := make([]Summary, 0, len(paths))
	for _, path := range paths {
		s, err := ReadSummary(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	sortNewestFirst(out)
	return out, nil
}

func sortNewestFirst(all []Summary) {
	slices.SortFunc(all, func(a, b Summary) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}
