package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is what every error about the content of a file wraps. The error itself is an
// [InvalidError] and lists each problem.
var ErrInvalid = errors.New("config: invalid file")

// Problem is one thing wrong, or worth a warning, in a file.
type Problem struct {
	// File is the name under which the file was read.
	File string
	// Line counts from 1; 0 means that no line can be named.
	Line int
	// Path is the key, such as raft.peers[1].address; empty for the file itself.
	Path string
	// Message says what is wrong and what to write instead.
	Message string
}

// String gives the form that editors and people can jump to: file:line: key: message.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// InvalidError lists everything wrong with a file, in the order of its lines. It wraps [ErrInvalid].
type InvalidError struct {
	Problems []Problem
}

// Error gives one problem per line.
func (e *InvalidError) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, problem := range e.Problems {
		lines = append(lines, problem.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(err, ErrInvalid) hold.
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// sortProblems orders by line, then by key, so that output is stable and reads like the file.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
}
