package fabric

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Mount gives a host a disk of its own: an empty file system in memory, of at most so many bytes, at a directory
// that exists. The processes that are started in the host after that see it there, and nobody else does; it goes
// with the host, and with the process that owns the fabric, however that dies. Errors: [ErrUnknownHost],
// [ErrClosed], or what the kernel refused.
func (f *Fabric) Mount(host, dir string, bytes int64) error {
	return f.Inside(host, func() error {
		// A thread that shares its root with the others of the process is given one of its own by this.
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("keep its mounts from the machine: %w", err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, diskSize(bytes)); err != nil {
			return fmt.Errorf("mount a disk at %s: %w", dir, err)
		}
		return nil
	})
}

// shrinkTries is how often a disk that is being written to is measured anew before it cannot be made full.
const shrinkTries = 20

// Resize changes the size of a disk of a host; 0 is what is in use, so that it is full. Errors are those of
// Mount.
func (f *Fabric) Resize(host, dir string, bytes int64) error {
	return f.Inside(host, func() error {
		var failed error
		for range shrinkTries {
			size := bytes
			if size == 0 {
				var now unix.Statfs_t
				if err := unix.Statfs(dir, &now); err != nil {
					return fmt.Errorf("measure the disk at %s: %w", dir, err)
				}
				size = int64(now.Blocks-now.Bfree) * now.Bsize
			}
			failed = unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, diskSize(size))
			if !errors.Is(failed, unix.EINVAL) { // which is: more is in use than that
				break
			}
		}
		if failed != nil {
			return fmt.Errorf("resize the disk at %s: %w", dir, failed)
		}
		return nil
	})
}

// Unmount takes a disk away again, with what is on it. Errors are those of Mount.
func (f *Fabric) Unmount(host, dir string) error {
	return f.Inside(host, func() error {
		if err := unix.Unmount(dir, 0); err != nil {
			return fmt.Errorf("unmount the disk at %s: %w", dir, err)
		}
		return nil
	})
}

// Inside runs a function as a process of the host would run: with the host's network and disks. What it starts
// in other goroutines is not inside. Errors: [ErrUnknownHost], [ErrClosed], or the function's.
func (f *Fabric) Inside(host string, fn func() error) error {
	h, err := f.host(host)
	if err != nil {
		return err
	}
	var failed error
	if err := h.thread.run(func() { failed = fn() }); err != nil {
		return fmt.Errorf("fabric: host %q: %w", host, err)
	}
	if failed != nil {
		return fmt.Errorf("fabric: host %q: %w", host, failed)
	}
	return nil
}

func diskSize(bytes int64) string { return "size=" + strconv.FormatInt(bytes, 10) }
