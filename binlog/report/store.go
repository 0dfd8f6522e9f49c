package report

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// Names of the files of a report.
const (
	SummaryName      = "report.json"
	TransactionsName = "transactions.ndjson"
	HTMLName         = "report.html"
	SQLName          = "replay.sql"
	keyName          = "redaction.key"
)

// Input is what a report is made of.
type Input struct {
	ID, Cluster          string
	OldServer, NewServer string
	Manifest             capture.Manifest
	// Common is what the two sides shared when the comparison was made.
	Common gtid.Set
	// OldOnly is what only the old side has: what the report must account for.
	OldOnly gtid.Set
	// NewOnly is what only the new side had when the live rows were read.
	NewOnly      gtid.Set
	Transactions []classify.Transaction
	// Acknowledged says whether a client was told that the transaction is committed: yes, no or unknown. Nil means
	// that nobody knows.
	Acknowledged func(gtid.GTID) string
	CreatedAt    time.Time
}

// Write makes the report in the directory, in place of an earlier one.
func Write(dir string, in Input) (Summary, error) {
	s := newSummary(in)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("report: %w", err)
	}
	if err := keepKey(dir); err != nil {
		return s, err
	}
	var seen []gtid.GTID
	err := durable.Replace(filepath.Join(dir, TransactionsName), func(w io.Writer) error {
		for _, tx := range in.Transactions {
			seen = append(seen, tx.GTID)
			if err := s.list(w, tx, in.acknowledged(tx.GTID)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("report: %w", err)
	}
	s.conclude(gtid.Of(seen...))
	if err := writeFile(dir, SQLName, func(w io.Writer) error { return writeSQL(w, s, in.Transactions) }); err != nil {
		return s, err
	}
	if err := writeSummary(dir, s); err != nil {
		return s, err
	}
	return s, writeFile(dir, HTMLName, func(w io.Writer) error { return WriteHTML(w, dir, false) })
}

func (in Input) acknowledged(id gtid.GTID) string {
	if in.Acknowledged == nil {
		return "unknown"
	}
	return in.Acknowledged(id)
}

func newSummary(in Input) Summary {
	s := Summary{
		ID: in.ID, Cluster: in.Cluster, State: Open, OldServer: in.OldServer, NewServer: in.NewServer,
		Servers: []ServerExtra{}, Captured: in.Manifest.Captured.Count(), ByClass: map[string]int{},
		Tables: []TableCount{}, CreatedAt: in.CreatedAt,
		Gtids: Sets{Common: in.Common, OldOnly: in.OldOnly, NewOnly: in.NewOnly, Captured: in.Manifest.Captured},
	}
	for _, server := range in.Manifest.Servers {
		s.Servers = append(s.Servers, ServerExtra{Server: server.Server, Extra: server.Extra})
	}
	if !in.Manifest.Complete {
		s.Incomplete = append(s.Incomplete, "the capture is incomplete: "+in.Manifest.Reason)
	}
	return s
}

// list writes one line, or counts the transaction as undecodable.
func (s *Summary) list(w io.Writer, tx classify.Transaction, acknowledged string) error {
	if len(tx.Undecodable) > 0 {
		s.skip(tx)
		return nil
	}
	line, err := lineOf(tx, acknowledged)
	if err != nil {
		return err
	}
	s.count(line)
	return json.NewEncoder(w).Encode(line)
}

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

func readRedactor(dir string) (redactor, error) {
	key, err := os.ReadFile(filepath.Join(dir, keyName))
	if err != nil {
		return redactor{}, fmt.Errorf("report: %w", err)
	}
	return redactor{key}, nil
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

// ParseTransactions iterates over the lines of a report. It ends after the first error.
func ParseTransactions(r io.Reader) iter.Seq2[Transaction, error] {
	return func(yield func(Transaction, error) bool) {
		decoder := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
		for {
			var tx Transaction
			err := decoder.Decode(&tx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(tx, fmt.Errorf("report: offset %d: %w", decoder.InputOffset(), err))
				return
			}
			if !yield(tx, nil) {
				return
			}
		}
	}
}

// Transactions iterates over the transactions of a report in commit order, with values only where reveal says so. It
// ends after the first error.
func Transactions(dir string, reveal bool) iter.Seq2[Transaction, error] {
	return func(yield func(Transaction, error) bool) {
		if err := transactions(dir, reveal, yield); err != nil {
			yield(Transaction{}, err)
		}
	}
}

func transactions(dir string, reveal bool, yield func(Transaction, error) bool) (err error) {
	hide, err := readRedactor(dir)
	if err != nil {
		return err
	}
	in, err := os.Open(filepath.Join(dir, TransactionsName))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for tx, failure := range ParseTransactions(in) {
		if failure != nil {
			return failure
		}
		if !reveal {
			tx = hide.transaction(tx)
		}
		if !yield(tx, nil) {
			return nil
		}
	}
	return nil
}

// CopyTransactions writes the transactions of a report as NDJSON, with values only where reveal says so.
func CopyTransactions(w io.Writer, dir string, reveal bool) error {
	encoder := json.NewEncoder(w)
	for tx, err := range Transactions(dir, reveal) {
		if err != nil {
			return err
		}
		if err := encoder.Encode(tx); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
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
