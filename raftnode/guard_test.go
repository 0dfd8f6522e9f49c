package raftnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

// brokenStore fails or hangs on demand.
type brokenStore struct {
	raft.LogStore
	raft.StableStore
	broken atomic.Bool
	hang   chan struct{} // if set, broken calls wait for it
	slow   bool          // broken calls then go on
	terms  bool          // only terms cannot be saved
	calls  atomic.Int64
}

var errDisk = errors.New("input/output error")

func (b *brokenStore) check() error {
	b.calls.Add(1)
	if !b.broken.Load() {
		return nil
	}
	if b.hang != nil {
		<-b.hang
	}
	if b.slow {
		return nil
	}
	return errDisk
}

func (b *brokenStore) StoreLogs(entries []*raft.Log) error {
	if b.broken.Load() && b.terms {
		return b.LogStore.StoreLogs(entries)
	}
	if err := b.check(); err != nil {
		return err
	}
	return b.LogStore.StoreLogs(entries)
}

func (b *brokenStore) SetUint64(key []byte, value uint64) error {
	if err := b.check(); err != nil {
		return err
	}
	return b.StableStore.SetUint64(key, value)
}

// breakable puts a breakable store under the guard of a node that does not run yet.
func breakable(t *testing.T, m *Node) *brokenStore {
	t.Helper()
	b := &brokenStore{LogStore: m.storage.bolt, StableStore: m.storage.bolt}
	m.storage.log = guardedLog{b, m.storage.guard, m.storage.stall}
	m.storage.stable = guardedStable{b, m.storage.guard}
	return b
}

// startBreakable starts every member and makes the store of each breakable.
func startBreakable(t *testing.T, g *group) map[string]*brokenStore {
	t.Helper()
	stores := map[string]*brokenStore{}
	for id, cfg := range g.configs {
		cfg.Timeouts.Storage = 500 * time.Millisecond
		g.configs[id] = cfg
	}
	g.open()
	for id, m := range g.members {
		stores[id] = breakable(t, m.Node)
		m.run(t)
	}
	return stores
}

// fails waits for Run to return and checks that it is for the storage.
func (m *member) fails(t *testing.T, want string) {
	t.Helper()
	select {
	case err := <-m.result:
		if !errors.Is(err, ErrStorage) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), m.cfg.DataDir) {
			t.Errorf("Run: %v, want ErrStorage with %q and the directory", err, want)
		}
	case <-time.After(patience):
		t.Fatal("Run did not return")
	}
	if m.IsLeader() {
		t.Error("a node without storage believes that it leads")
	}
	if phase := m.Status().Phase; phase != PhaseFailed {
		t.Errorf("phase %s", phase)
	}
}

func TestLeaderWhoseDiskFails(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	stores := startBreakable(t, g)
	leader := g.leader()
	stores[leader.cfg.ID].broken.Store(true)
	_, _, err := leader.Propose(t.Context(), []byte(`{"Key":"k"}`))
	if !errors.Is(err, ErrStorage) && !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("Propose: %v", err)
	}
	leader.fails(t, "input/output error; free space there or repair the disk, then restart the node; the group carries on without it")
	delete(g.members, leader.cfg.ID)
	g.set("after", "yes")
	g.converge(map[string]string{"after": "yes"})
}

func TestLeaderWhoseDiskHangs(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	stores := startBreakable(t, g)
	leader := g.leader()
	store := stores[leader.cfg.ID]
	store.hang = make(chan struct{})
	t.Cleanup(func() { close(store.hang) })
	store.broken.Store(true)
	_, _, err := leader.Propose(t.Context(), []byte(`{"Key":"k"}`))
	if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, ErrStorage) {
		t.Errorf("Propose: %v", err)
	}
	leader.fails(t, "the disk does not answer within 500ms")
	delete(g.members, leader.cfg.ID)
	g.set("after", "yes")
}

func TestTermThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	stores := startBreakable(t, g)
	leader := g.leader()
	var followers []*member
	for id, m := range g.members {
		if id != leader.cfg.ID {
			followers = append(followers, m)
		}
	}
	// The follower's next election raises the term, which the library answers with a panic. What the leader has it log
	// until then goes well.
	store := stores[followers[0].cfg.ID]
	store.terms = true
	store.broken.Store(true)
	g.kill(leader.cfg.ID)
	followers[0].fails(t, "saving the term")
}

func TestGuardStopsWriting(t *testing.T) {
	guard := newDiskGuard("dir", time.Hour)
	writes := 0
	ok := func() error { writes++; return nil }
	if err := guard.write("writing", ok); err != nil {
		t.Fatal(err)
	}
	if err := guard.write("writing the log", func() error { return errDisk }); !errors.Is(err, ErrStorage) || !errors.Is(err, errDisk) {
		t.Errorf("first failure: %v", err)
	}
	if err := guard.write("writing", ok); !errors.Is(err, errDisk) || writes != 1 {
		t.Errorf("after a failure: %v, %d writes", err, writes)
	}
}

// fullDiskDir names the directory in the environment of the process that fills it.
const fullDiskDir = "RAFTNODE_FULL_DISK_DIR"

// TestFullDisk fills a real file system, mounted in a mount namespace of another process so that nothing outlives it.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullDiskDir); dir != "" {
		fillDisk(t, dir)
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	command.Env = append(os.Environ(), fullDiskDir+"="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "no space left on device") {
		t.Fatalf("%v\n%s", err, output)
	}
}

// fillDisk runs a node on a file system of 1 MiB and proposes until its disk is full.
func fillDisk(t *testing.T, dir string) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(fmt.Errorf("make mounts private: %w", err))
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(fmt.Errorf("mount: %w", err))
	}
	g := newGroup(t, "a")
	cfg := g.configs["a"]
	cfg.DataDir = filepath.Join(dir, "a")
	g.configs["a"] = cfg
	m := g.start("a")
	g.leader()
	command := []byte(`{"Key":"k","Value":"` + strings.Repeat("x", 10_000) + `"}`)
	eventually(t, "the disk is full", func() bool {
		_, _, err := m.Propose(t.Context(), command)
		return errors.Is(err, ErrStorage)
	})
	m.fails(t, "no space left on device")
	t.Log(m.Status().Reason)

	// With space again the node comes back with what it had.
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(fmt.Errorf("remount: %w", err))
	}
	g.start("a")
	g.set("after", "yes")
	if got := g.members["a"].machine.copy(); got["after"] != "yes" || len(got["k"]) != 10_000 {
		t.Errorf("after the restart: %d keys", len(got))
	}
}
