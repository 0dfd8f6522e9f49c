package mysqld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockRetry is how often a waiting installer looks whether the other is done.
const lockRetry = 200 * time.Millisecond

// lockCache takes the cache for writing and answers the function that gives it
// back. The lock belongs to the open file, so it ends with the process.
func lockCache(ctx context.Context, options Options) (func(), error) {
	if err := os.MkdirAll(options.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("mysqld: cache %s: %w; set XDG_CACHE_HOME to a writable directory", options.Cache, err)
	}
	path := filepath.Join(options.Cache, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("mysqld: lock the cache: %w; set XDG_CACHE_HOME to a writable directory", err)
	}
	ticker := time.NewTicker(lockRetry)
	defer ticker.Stop()
	for waiting := false; ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("mysqld: lock %s: %w", path, err)
		}
		if !waiting {
			options.say("waiting for another process that holds %s", path)
			waiting = true
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("mysqld: waiting for %s: %w", path, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
