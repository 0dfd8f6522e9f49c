package fsm

import (
	"encoding/json"
	"fmt"
	"sync"
)

// Machine applies commands in log order. Its state is a value that is replaced, never changed in
// place, so that State may be read at any time without copying.
type Machine struct {
	mu    sync.RWMutex
	state State
}

// New returns a machine with the empty state.
func New() *Machine { return &Machine{state: Empty()} }

// State returns the current state. The caller must not modify it.
func (m *Machine) State() State {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.state
}

// Apply applies one encoded command and returns nil or the error that kept it from changing anything.
func (m *Machine) Apply(index uint64, cmd []byte) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	var c Command
	if err := json.Unmarshal(cmd, &c); err != nil {
		m.state.Index = index
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	next, err := c.apply(m.state)
	next.Index = index
	m.state = next
	if err != nil {
		return err
	}
	return nil
}

// Snapshot encodes the whole state.
func (m *Machine) Snapshot() ([]byte, error) {
	b, err := json.Marshal(m.State())
	if err != nil {
		return nil, fmt.Errorf("fsm: encode snapshot: %w", err)
	}
	return b, nil
}

// Restore replaces the whole state by a snapshot's, which may be of an earlier release.
func (m *Machine) Restore(snapshot []byte) error {
	s := Empty()
	if err := json.Unmarshal(snapshot, &s); err != nil {
		return fmt.Errorf("fsm: decode snapshot: %w", err)
	}
	if s.Schema > Schema {
		return ErrSchema
	}
	s.upgrade()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = s
	return nil
}
