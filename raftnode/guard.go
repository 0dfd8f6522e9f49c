package raftnode

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// diskGuard stands between Raft and its stores. The first failed or hanging write ends the node: [Node.Run] returns the error.
//
// Raft answers some failures by a panic (saving the term, reading an entry that is committed) and others by stepping down, only to be elected
// again on the same disk. Under the guard no failure crashes the process or leaves a leader that cannot write.
type diskGuard struct {
	dir    string
	limit  time.Duration
	once   sync.Once
	failed chan struct{} // closed once err is set
	err    error
}

// newDiskGuard returns a guard for the stores under dir. A write that takes longer than limit counts as failed.
func newDiskGuard(dir string, limit time.Duration) *diskGuard {
	return &diskGuard{dir: dir, limit: limit, failed: make(chan struct{})}
}

// errHung is the cause when a write neither succeeds nor fails.
var errHung = errors.New("the disk does not answer")

// fail records the first failure and returns it with its next step.
func (g *diskGuard) fail(doing string, cause error) error {
	err := fmt.Errorf("%w: %s under %s failed: %w; free space there or repair the disk, then restart the node; the group carries on without it",
		ErrStorage, doing, g.dir, cause)
	g.once.Do(func() {
		g.err = err
		close(g.failed)
	})
	return err
}

// failure returns the recorded failure, or nil.
func (g *diskGuard) failure() error {
	select {
	case <-g.failed:
		return g.err
	default:
		return nil
	}
}

// write runs one write of the store. After a failure nothing is written any more, so that a disk that
// comes back for a moment cannot take a vote or an entry of a node that is stopping.
func (g *diskGuard) write(doing string, op func() error) error {
	if err := g.failure(); err != nil {
		return err
	}
	watch := time.AfterFunc(g.limit, func() { _ = g.fail(doing, fmt.Errorf("%w within %s", errHung, g.limit)) })
	defer watch.Stop()
	if err := op(); err != nil {
		return g.fail(doing, err)
	}
	return nil
}

// guardedLog is the log store under a guard.
type guardedLog struct {
	raft.LogStore
	guard *diskGuard
	stall *stall
}

// GetLog reads an entry. Where a read fails Raft would panic, so its goroutine ends here instead, in order: deferred calls run.
func (l guardedLog) GetLog(index uint64, entry *raft.Log) error {
	err := l.LogStore.GetLog(index, entry)
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		_ = l.guard.fail("reading the log", err)
		runtime.Goexit()
	}
	return err
}

// StoreLog writes one entry.
func (l guardedLog) StoreLog(entry *raft.Log) error {
	return l.stall.watch(func() error {
		return l.guard.write("writing the log", func() error { return l.LogStore.StoreLog(entry) })
	})
}

// StoreLogs writes entries.
func (l guardedLog) StoreLogs(entries []*raft.Log) error {
	return l.stall.watch(func() error {
		return l.guard.write("writing the log", func() error { return l.LogStore.StoreLogs(entries) })
	})
}

// DeleteRange removes entries, which needs free space as well.
func (l guardedLog) DeleteRange(first, last uint64) error {
	return l.guard.write("trimming the log", func() error { return l.LogStore.DeleteRange(first, last) })
}

// guardedStable is the store of term and vote under a guard.
type guardedStable struct {
	raft.StableStore
	guard *diskGuard
}

// Set saves a value, such as whom this node voted for. On an error Raft gives no vote.
func (s guardedStable) Set(key, value []byte) error {
	return s.guard.write("saving the vote", func() error { return s.StableStore.Set(key, value) })
}

// SetUint64 saves a number. Where it fails Raft would panic, so its goroutine ends here instead, in order.
func (s guardedStable) SetUint64(key []byte, value uint64) error {
	if err := s.guard.write("saving the term", func() error { return s.StableStore.SetUint64(key, value) }); err != nil {
		runtime.Goexit()
	}
	return nil
}
