package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// ErrLedger says that a ledger cannot be written or understood.
var ErrLedger = errors.New("bad ledger")

// ledger appends attempts to a file, each with one write of one whole line.
type ledger struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *ledger) append(a *Attempt) error {
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("workload: %w: %w", ErrLedger, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("workload: %w: %w; check the free disk space", ErrLedger, err)
	}
	return nil
}

// ReadLedger reads the attempts in files, in the order of the files. A last
// line that a killed writer left unfinished is passed over; any other line that
// is not an attempt is an error wrapping ErrLedger.
func ReadLedger(paths ...string) ([]Attempt, error) {
	var all []Attempt
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("workload: %w: %w", ErrLedger, err)
		}
		attempts, err := ParseLedger(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%w (%s)", err, path)
		}
		all = append(all, attempts...)
	}
	return all, nil
}

// ParseLedger reads the attempts of one ledger, as ReadLedger does.
func ParseLedger(in io.Reader) ([]Attempt, error) {
	var all []Attempt
	reader := bufio.NewReader(in)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("workload: %w: %w", ErrLedger, err)
		}
		var a Attempt
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("workload: %w: line %d: %w", ErrLedger, number, err)
		}
		if a.ID == "" || a.Acknowledged != (a.Outcome == Acknowledged) {
			return nil, fmt.Errorf("workload: %w: line %d is not an attempt", ErrLedger, number)
		}
		all = append(all, a)
	}
}
