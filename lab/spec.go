package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// ErrNoLab says that no lab runs in a directory.
var ErrNoLab = errors.New("no lab runs here")

// spec is what a supervisor needs to know, kept in the lab's directory.
type spec struct {
	Topology Topology `json:"topology"`
	Exe      string   `json:"exe"`
}

func saveSpec(l layout, options Options) error {
	text, err := json.MarshalIndent(spec{Topology: options.Topology, Exe: options.Exe}, "", "  ")
	if err != nil {
		return fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	return l.write(l.spec(), text, 0o600)
}

func loadSpec(l layout) (spec, error) {
	text, err := os.ReadFile(l.spec())
	if errors.Is(err, os.ErrNotExist) {
		return spec{}, fmt.Errorf("lab: %s: %w; make one with `regent lab up --dir %s`", l.dir, ErrNoLab, l.dir)
	}
	if err != nil {
		return spec{}, fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	var s spec
	if err := json.Unmarshal(text, &s); err != nil {
		return spec{}, fmt.Errorf("lab: %w: %s: %w", ErrDirectory, l.spec(), err)
	}
	s.Topology, err = s.Topology.complete()
	return s, err
}
