package capture

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// taking is what one capture from one server works on.
type taking struct {
	// known is what is known as extra on any server, and what the new primary has.
	known gtid.Set
	// before is what an earlier run left.
	before ServerCapture
	// entry is filled in; its Wanted says what to copy.
	entry *ServerCapture
}

// take copies what is wanted off the server and fills in the entry.
func (r Request) take(ctx context.Context, source Source, t taking) error {
	s, err := source.connect(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	entry := t.entry
	if entry.UUID, err = s.value("SELECT @@GLOBAL.server_uuid"); err != nil {
		return err
	}
	if entry.Executed, err = s.set("gtid_executed"); err != nil {
		return err
	}
	purged, err := s.set("gtid_purged")
	if err != nil {
		return err
	}
	available := entry.Wanted.Intersect(entry.Executed).Subtract(purged)
	if !available.IsEmpty() {
		if err := r.fill(ctx, s, available, t); err != nil {
			return err
		}
	}
	return errors.Join(gap(entry, purged), stillness(ctx, source, t))
}

// gap explains what the server could not give.
func gap(entry *ServerCapture, purged gtid.Set) error {
	missing := entry.Wanted.Subtract(entry.Captured)
	if lost := missing.Intersect(purged); !lost.IsEmpty() {
		return fmt.Errorf("capture: %s: %s: %w; restore them from a backup of its binary logs", entry.Server, lost, ErrPurged)
	}
	if never := missing.Subtract(entry.Executed); !never.IsEmpty() {
		return fmt.Errorf("capture: %s never executed %s", entry.Server, never)
	}
	if !missing.IsEmpty() {
		return fmt.Errorf("capture: the binary log of %s ends without %s", entry.Server, missing)
	}
	return nil
}

// fill copies the available transactions into the server's file. The transactions that were whole when the copy
// failed are kept, unless an earlier file holds some that are missing now.
func (r Request) fill(ctx context.Context, s *session, available gtid.Set, t taking) error {
	path := r.file(t.entry.Server)
	w, err := newWriter(path, available)
	if err != nil {
		return err
	}
	failure := s.dump(ctx, t.entry.Executed.Subtract(available), w.add)
	file, err := w.settle()
	if err != nil {
		return errors.Join(failure, err)
	}
	captured := gtid.Of(w.captured...)
	if captured.IsEmpty() || !captured.Contains(t.before.Captured) && t.before.verify(r.Dir) == nil {
		return errors.Join(failure, os.Remove(durable.Partial(path)))
	}
	if err := durable.Publish(path); err != nil {
		return errors.Join(failure, err)
	}
	file.Name = t.entry.Server + ".binlog"
	t.entry.Files, t.entry.Captured = []File{file}, captured
	return failure
}

// stillness reads the executed set again, on a connection of its own as the other one is spent on the dump, and
// returns an error where the server executed transactions that nobody knew of.
func stillness(ctx context.Context, source Source, t taking) error {
	if source.Executed.IsEmpty() {
		return nil
	}
	s, err := source.connect(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	now, err := s.set("gtid_executed")
	if err != nil {
		return err
	}
	t.entry.Grown = now.Subtract(source.Executed).Subtract(t.known)
	if t.entry.Grown.IsEmpty() {
		return nil
	}
	return fmt.Errorf("capture: %s executed %s since it was compared; fence it and capture again",
		source.Server, t.entry.Grown)
}
