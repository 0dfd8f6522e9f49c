package raftnode

import (
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// Machine is the replicated state machine. Apply and Snapshot are called from one goroutine, Restore from none beside them;
// whoever reads the state elsewhere guards it in the machine.
type Machine interface {
	// Apply applies one committed command and returns its result, which Propose hands to the proposer. It must be
	// deterministic: the same commands give the same state on every node. Indexes grow and have gaps.
	Apply(index uint64, command []byte) any
	// Snapshot returns the whole state. It is called between two commands.
	Snapshot() ([]byte, error)
	// Restore replaces the whole state by that of a snapshot.
	Restore(snapshot []byte) error
}

// fsm presents a Machine to Raft.
type fsm struct{ machine Machine }

// Apply hands commands to the machine. Entries of Raft's own never get here.
func (f fsm) Apply(entry *raft.Log) any {
	if entry.Type != raft.LogCommand {
		return nil
	}
	return f.machine.Apply(entry.Index, entry.Data)
}

// Snapshot takes the state at once, so that writing it out may overlap with the commands that follow.
func (f fsm) Snapshot() (raft.FSMSnapshot, error) {
	state, err := f.machine.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("raftnode: snapshot the state machine: %w", err)
	}
	return snapshot(state), nil
}

// Restore reads a snapshot to its end; Raft's store has checked its checksum.
func (f fsm) Restore(source io.ReadCloser) error {
	state, err := io.ReadAll(source)
	if err != nil {
		return fmt.Errorf("raftnode: read the snapshot: %w", err)
	}
	if err := f.machine.Restore(state); err != nil {
		return fmt.Errorf("raftnode: restore the state machine: %w", err)
	}
	return nil
}

// snapshot is a state on its way to disk.
type snapshot []byte

// Persist writes the state. A failed write cancels the snapshot and leaves the log as it is.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(s); err != nil {
		return fmt.Errorf("raftnode: write snapshot %s: %w", sink.ID(), joinCancel(err, sink))
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("raftnode: close snapshot %s: %w", sink.ID(), err)
	}
	return nil
}

// Release has nothing to free.
func (snapshot) Release() {}

// joinCancel removes the half-written snapshot and keeps the error that caused it.
func joinCancel(cause error, sink raft.SnapshotSink) error {
	if err := sink.Cancel(); err != nil {
		return fmt.Errorf("%w (and it could not be removed: %w)", cause, err)
	}
	return cause
}
