package mysqld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoFakeClock says that libfaketime, by which a server's clock is set off,
// is not on this machine and could not be installed.
var ErrNoFakeClock = errors.New("no libfaketime")

// FakeClock answers the path of libfaketime, which stands between a server and
// the clock: the machine's own, else the one in the cache, else it installs one
// there as the server is installed. The error wraps ErrNoFakeClock.
func FakeClock(ctx context.Context, in *Installation, options Options) (string, error) {
	options, err := options.complete()
	if err != nil {
		return "", err
	}
	prefix := filepath.Join(options.Cache, "faketime")
	if in.Prefix == "" {
		// A library for another C library would keep the machine's server from starting.
		if found := faketimeBelow("/"); found != "" {
			return found, nil
		}
	}
	if found := faketimeBelow(prefix); found != "" {
		return found, nil
	}
	unlock, err := lockCache(ctx, options)
	if err != nil {
		return "", err
	}
	defer unlock()
	if found := faketimeBelow(prefix); found != "" {
		return found, nil
	}
	if err := installFaketime(ctx, options, prefix); err != nil {
		return "", fmt.Errorf("mysqld: %w: %w; or install the package libfaketime", ErrNoFakeClock, err)
	}
	return faketimeBelow(prefix), nil
}

// faketimeBelow finds the library for programs with threads.
func faketimeBelow(root string) string {
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*/faketime/libfaketimeMT.so.1"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}

// installFaketime unpacks the package beside its place first. The caller holds
// the lock of the cache.
func installFaketime(ctx context.Context, options Options, prefix string) error {
	kept := filepath.Join(options.Cache, "faketime.packages")
	packages, err := keptPackages(kept)
	if err != nil {
		own := func(name string) bool { return strings.HasPrefix(name, "libfaketime_") }
		if err := fetchPackages(ctx, options, kept, own, "libfaketime"); err != nil {
			return err
		}
		if packages, err = keptPackages(kept); err != nil {
			return err
		}
	}
	staging, err := os.MkdirTemp(options.Cache, "server.new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(staging) }()
	if err := unpack(ctx, packages, staging); err != nil {
		return err
	}
	if faketimeBelow(staging) == "" {
		return errors.New("its package holds no library")
	}
	return replaceDirectory(staging, prefix)
}

// fakeClock is what stands between an instance and the clock.
type fakeClock struct {
	library string
	file    string // says how far the clock is off.
}

// UseFakeClock puts libfaketime between the instance and the clock from its
// next start on; an empty path takes it away again.
func (s *Server) UseFakeClock(library string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = fakeClock{library: library, file: s.spec.path("clock")}
	if library == "" {
		return nil
	}
	return s.clock.set(0)
}

// FakesClock tells whether the instance has libfaketime, from its next start on.
func (s *Server) FakesClock() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.library != ""
}

// SetClock sets the clock of an instance that uses libfaketime off; it notices
// within a second.
func (s *Server) SetClock(offset time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.set(offset)
}

// set writes the file by a rename, so that it is never read half written.
func (c fakeClock) set(offset time.Duration) error {
	text := fmt.Sprintf("%+d\n", int(offset.Seconds()))
	if err := os.WriteFile(c.file+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("mysqld: set the clock: %w", err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		return fmt.Errorf("mysqld: set the clock: %w", err)
	}
	return nil
}

// environment has the library loaded and follow the file. The clock that only
// ever goes forward stays as it is: a step does not move that of a real machine
// either. Without FORCE_MONOTONIC_FIX=0 every timed wait of mysqld returns at
// once, and it takes a minute to start.
func (c fakeClock) environment() []string {
	if c.library == "" {
		return nil
	}
	return []string{
		"LD_PRELOAD=" + c.library, "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_CACHE_DURATION=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_FORCE_MONOTONIC_FIX=0", "NO_FAKE_STAT=1",
	}
}
