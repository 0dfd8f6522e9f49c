package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/regentdb/regent/binlog/durable"
)

// Fetch reads a file of the original from an offset on.
type Fetch func(ctx context.Context, name string, offset int64) (io.ReadCloser, error)

// Pull puts aside whatever the directory lacks of the original. What was fetched before is not fetched again, and a file
// that broke off goes on where it did. The error wraps ErrDiffers where a file came otherwise than it should.
func (m *Mirror) Pull(ctx context.Context, dir string, want Inventory, fetch Fetch) error {
	stage := filepath.Join(dir, stageName)
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	for _, f := range want {
		if !ours(f.Name) {
			return fmt.Errorf("mirror: %w: %q", ErrName, f.Name)
		}
		if m.holds(dir, f) || m.staged(stage, f) {
			continue
		}
		if err := m.pull(ctx, stage, f, fetch); err != nil {
			return err
		}
	}
	return nil
}

// Missing is how many bytes a Pull would fetch.
func (m *Mirror) Missing(dir string, want Inventory) (bytes int64) {
	for _, f := range want {
		if ours(f.Name) && !m.holds(dir, f) && !m.staged(filepath.Join(dir, stageName), f) {
			bytes += f.Size
		}
	}
	return bytes
}

// staged tells whether a file is aside as it should be.
func (m *Mirror) staged(stage string, want File) bool {
	have, err := m.file(stage, want.Name)
	return err == nil && have == want
}

func (m *Mirror) pull(ctx context.Context, stage string, f File, fetch Fetch) error {
	path := filepath.Join(stage, f.Name)
	out, err := os.OpenFile(durable.Partial(path), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	err = fill(ctx, out, f, fetch)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("mirror: fetch %s: %w", f.Name, err)
	}
	digest, err := digestOf(durable.Partial(path), f.Size)
	if err != nil || digest != f.SHA256 {
		return errors.Join(fmt.Errorf("mirror: fetch %s: %w", f.Name, ErrDiffers), err, os.Remove(durable.Partial(path)))
	}
	if err := durable.Publish(path); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// fill appends what a file lacks to its full size.
func fill(ctx context.Context, out *os.File, f File, fetch Fetch) (err error) {
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > f.Size {
		if have, err = 0, out.Truncate(0); err != nil {
			return err
		}
	}
	if have == f.Size {
		return nil
	}
	in, err := fetch(ctx, f.Name, have)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	_, err = io.CopyN(out, in, f.Size-have)
	return err
}

// Install makes the copy what was put aside, and verifies it. It may be repeated after a crash.
func (m *Mirror) Install(dir string, r Record) error {
	stage := filepath.Join(dir, stageName)
	if err := writeJSON(filepath.Join(stage, recordName), r); err != nil {
		return err
	}
	return m.finish(dir)
}

// Finish ends an installation that a crash broke off.
func (m *Mirror) Finish(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, stageName, recordName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return m.finish(dir)
}

func (m *Mirror) finish(dir string) error {
	stage := filepath.Join(dir, stageName)
	var r Record
	if err := readJSON(filepath.Join(stage, recordName), &r); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, recordName)); err != nil { // From here on it is not what it was.
		return fmt.Errorf("mirror: %w", err)
	}
	for _, f := range r.Files {
		if err := m.move(dir, stage, f); err != nil {
			return err
		}
	}
	if err := m.sweep(dir, r.Files); err != nil {
		return err
	}
	for _, f := range r.Files {
		if !m.holds(dir, f) {
			return fmt.Errorf("mirror: %s: %w: %s is another", dir, ErrDiffers, f.Name)
		}
	}
	if err := writeJSON(filepath.Join(dir, recordName), r); err != nil {
		return err
	}
	if err := os.RemoveAll(stage); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// move gives a file that was put aside its place. A log that says something else than the one that comes is kept: it may
// hold what nobody else knows.
func (m *Mirror) move(dir, stage string, f File) error {
	from, to := filepath.Join(stage, f.Name), filepath.Join(dir, f.Name)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if f.Name == m.Log {
		if err := setAside(to, from); err != nil {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// asideSuffix ends the name of a log that another one took the place of.
const asideSuffix = ".superseded"

// setAside keeps a log unless the one that comes begins with it.
func setAside(have, comes string) error {
	info, err := os.Stat(have)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	here, err := digestOf(have, info.Size())
	if err != nil {
		return err
	}
	if there, err := digestOf(comes, info.Size()); err == nil && there == here {
		return nil
	}
	if err := os.Rename(have, have+asideSuffix); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// sweep removes files that the original does not have any more.
func (m *Mirror) sweep(dir string, keep Inventory) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	for _, e := range entries {
		named := func(f File) bool { return f.Name == e.Name() }
		if !e.Type().IsRegular() || !ours(e.Name()) || slices.ContainsFunc(keep, named) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
	}
	return nil
}
