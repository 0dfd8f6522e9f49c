package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

const (
	logFile           = "raft.db"
	snapshotsRetained = 2
	// cachedEntries are kept in memory, so that followers are fed without reading the disk.
	cachedEntries = 512
	// lockWait is how long to wait for another process to let go of the directory.
	lockWait = time.Second
	// mapSize avoids remapping the log file as it grows; it costs address space, not memory.
	mapSize = 64 << 20
)

// storage is what a node keeps on disk.
type storage struct {
	guard     *diskGuard
	stall     *stall
	bolt      *raftboltdb.BoltStore
	log       raft.LogStore
	stable    raft.StableStore
	snapshots raft.SnapshotStore
}

// openStorage opens or creates the stores in cfg.DataDir.
func openStorage(cfg Config, logger hclog.Logger) (*storage, error) {
	bolt, err := raftboltdb.New(raftboltdb.Options{
		Path: filepath.Join(cfg.DataDir, logFile),
		BoltOptions: &bbolt.Options{
			Timeout:         lockWait,
			NoFreelistSync:  true,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: mapSize,
		},
	})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: another process uses %s; stop it or give node %s a directory of its own", ErrDataDir, cfg.DataDir, cfg.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: open the log in %s: %w; check permissions and free space", ErrDataDir, cfg.DataDir, err)
	}
	guard, slow := newDiskGuard(cfg.DataDir, cfg.Timeouts.Storage), newStall(cfg.Timeouts.Stall)
	s := &storage{guard: guard, stall: slow, bolt: bolt, stable: guardedStable{bolt, guard}}
	if s.log, err = raft.NewLogCache(cachedEntries, guardedLog{bolt, guard, slow}); err != nil {
		return nil, errors.Join(err, bolt.Close())
	}
	if s.snapshots, err = raft.NewFileSnapshotStoreWithLogger(cfg.DataDir, snapshotsRetained, logger); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: open the snapshots in %s: %w; check permissions and free space", ErrDataDir, cfg.DataDir, err), bolt.Close())
	}
	return s, nil
}

// state reports whether this node has ever been part of a group, and the last entry that it holds, in the log or in a snapshot.
func (s *storage) state() (has bool, last uint64, err error) {
	if has, err = raft.HasExistingState(s.bolt, s.bolt, s.snapshots); err == nil {
		last, err = s.bolt.LastIndex()
	}
	if err != nil {
		return false, 0, s.guard.fail("reading the state", err)
	}
	snapshots, err := s.snapshots.List()
	if err != nil {
		return false, 0, s.guard.fail("reading the snapshots", err)
	}
	for _, snapshot := range snapshots {
		last = max(last, snapshot.Index)
	}
	return has, last, nil
}

// makeDataDir creates the data directory, readable by its owner only: the log holds configuration.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: create it: %w", ErrDataDir, err)
	}
	return nil
}
