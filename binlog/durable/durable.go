// Package durable writes files that are never seen half: a file takes its name when it is whole and on disk. Only the
// owner may read them.
package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// partialSuffix ends the name of a file that is being written.
const partialSuffix = ".partial"

// Partial returns the name under which a file is written before Publish gives it its own.
func Partial(path string) string { return path + partialSuffix }

// Create opens the partial file for writing and reading back, empty.
func Create(path string) (*os.File, error) {
	return os.OpenFile(Partial(path), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
}

// Replace writes a file with what fill writes, in place of any earlier one.
func Replace(path string, fill func(io.Writer) error) error {
	out, err := Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	buffer := bufio.NewWriterSize(out, 1<<16)
	err = fill(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return Publish(path)
}

// Publish gives the partial file, which must be on disk, its name, and puts the name on disk.
func Publish(path string) error {
	if err := os.Rename(Partial(path), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
