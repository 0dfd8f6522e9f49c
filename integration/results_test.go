//go:build integration

package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// ledger is a file of results: what stands there is not run again.
type ledger struct {
	path string // empty: results are not kept
	seen map[string]json.RawMessage
}

// result is one line of it.
type result struct {
	Name   string `json:"name"`
	Result any    `json:"result"`
}

// openResults reads the results of earlier runs.
func openResults(t *testing.T, name string) *ledger {
	t.Helper()
	l := &ledger{seen: map[string]json.RawMessage{}}
	if *results == "" {
		return l
	}
	if err := os.MkdirAll(*results, 0o755); err != nil {
		t.Fatal(err)
	}
	l.path = filepath.Join(*results, name)
	file, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct {
			Name   string          `json:"name"`
			Result json.RawMessage `json:"result"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", l.path, err)
		}
		l.seen[line.Name] = line.Result
	}
	t.Logf("%d results are in %s already", len(l.seen), l.path)
	return l
}

func (l *ledger) has(name string) bool {
	_, found := l.seen[name]
	return found
}

// add appends a result, which takes part from the next run on.
func (l *ledger) add(t *testing.T, name string, what any) {
	t.Helper()
	text, err := json.Marshal(result{Name: name, Result: what})
	if err != nil {
		t.Fatal(err)
	}
	if l.path == "" {
		return
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
