package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/regentdb/regent/gtid"
)

// LogName is the decision log, in the directory of the report.
const LogName = "decisions.log"

// ErrLog is returned for a decision log that was damaged: what it said cannot be trusted.
var ErrLog = errors.New("the decision log is damaged")

// Outcome is what was decided about a transaction of a report.
type Outcome string

// Outcomes.
const (
	// Begun means that its commit may have been sent, and nobody knows the answer.
	Begun Outcome = "begun"
	// Replayed means that it was repeated on the primary.
	Replayed Outcome = "replayed"
	// Already means that every row of it was there.
	Already Outcome = "already_there"
	// Left means that nothing of it was done; the detail says why.
	Left Outcome = "left_alone"
	// Acknowledged means that a person settles it in another way; the reason says how.
	Acknowledged Outcome = "acknowledged"
)

// Final says that nothing is left to do about the transaction.
func (o Outcome) Final() bool { return o == Replayed || o == Already || o == Acknowledged }

// Decision is one line of the log.
type Decision struct {
	At      time.Time `json:"at"`
	Order   string    `json:"order"`
	By      string    `json:"by"`
	Reason  string    `json:"reason"`
	Server  string    `json:"server,omitempty"`
	GTID    gtid.GTID `json:"gtid"`
	Outcome Outcome   `json:"outcome"`
	// Detail says why a transaction was left alone. It holds no values of rows.
	Detail string `json:"detail,omitempty"`
}

// Decisions are the last decisions by transaction.
type Decisions map[gtid.GTID]Decision

// Log is an open decision log. It is for one goroutine.
type Log struct {
	file *os.File
	last Decisions
}

// ReadDecisions reads the decisions of a report; there are none where no log is. A last line that was torn by a crash
// is passed over. The error wraps ErrLog for any other damage.
func ReadDecisions(dir string) (Decisions, error) {
	text, err := os.ReadFile(filepath.Join(dir, LogName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replay: %w", err)
	}
	last, _, err := parse(text)
	return last, err
}

// OpenLog opens the decision log of a report for more decisions.
func OpenLog(dir string) (*Log, error) {
	file, err := os.OpenFile(filepath.Join(dir, LogName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	l := &Log{file: file}
	if err := errors.Join(l.load(), syncDir(dir)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// syncDir puts the name of a new log on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// load reads what was decided, and cuts off what a crash tore.
func (l *Log) load() error {
	text, err := io.ReadAll(l.file)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	last, whole, err := parse(text)
	if err != nil {
		return err
	}
	l.last = last
	if whole < int64(len(text)) {
		if err := l.file.Truncate(whole); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	_, err = l.file.Seek(whole, io.SeekStart)
	return err
}

// parse returns the last decisions, and how many bytes are whole lines.
func parse(text []byte) (Decisions, int64, error) {
	last := Decisions{}
	rest := string(text)
	for n := 1; ; n++ {
		line, after, ended := strings.Cut(rest, "\n")
		if !ended {
			return last, int64(len(text) - len(rest)), nil // what has no line end was never written to its end
		}
		d, err := parseLine(line)
		if err != nil {
			return nil, 0, fmt.Errorf("replay: %w in line %d", err, n)
		}
		last[d.GTID], rest = d, after
	}
}

// sumDigits is the length of the checksum that begins a line.
const sumDigits = 8

func parseLine(line string) (Decision, error) {
	var d Decision
	if len(line) <= sumDigits || line[:sumDigits] != sum(line[sumDigits+1:]) {
		return d, ErrLog
	}
	if err := json.Unmarshal([]byte(line[sumDigits+1:]), &d); err != nil {
		return d, ErrLog
	}
	return d, nil
}

func sum(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// of returns the last decision about a transaction, the zero one where none was made.
func (l *Log) of(id gtid.GTID) Decision { return l.last[id] }

// Append writes decisions, and returns once they are on disk.
func (l *Log) Append(all ...Decision) error {
	var lines strings.Builder
	for _, d := range all {
		text, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		lines.WriteString(sum(string(text)) + " " + string(text) + "\n")
	}
	_, err := l.file.WriteString(lines.String())
	if err = errors.Join(err, l.file.Sync()); err != nil {
		return fmt.Errorf("replay: decision log: %w", err)
	}
	for _, d := range all {
		l.last[d.GTID] = d
	}
	return nil
}

// Close closes the log.
func (l *Log) Close() error { return l.file.Close() }
