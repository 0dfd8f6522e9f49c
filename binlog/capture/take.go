package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/gtid"
)

// taking is what one capture from one server works on.
type taking struct {
	// known is what is known as extra on any server, and what the new primary has.
	known gtid.Set
	// before is what an earlier run left; its files keep their names.
	before ServerCapture
	// entry is filled in; its Wanted says what to copy, its Captured what an earlier run has copied of that.
	entry *ServerCapture
}

// take copies what is wanted off the server and fills in the entry.
func (r Request) take(ctx context.Context, source Source, t taking) error {
	o, err := source.open(ctx)
	if err != nil {
		return err
	}
	defer o.release()
	standing, err := o.standing()
	if err != nil {
		return err
	}
	entry := t.entry
	entry.UUID, entry.Executed, entry.Unknown = standing.UUID, standing.Executed, standing.Unknown
	if entry.UUID == "" && len(standing.Own) == 1 {
		entry.UUID = standing.Own[0]
	}
	if source.Files != "" {
		// Files do not tell what a server got by a clone, or a relay log what was received before it.
		entry.Executed = entry.Executed.Union(source.Executed)
	}
	missing := entry.Wanted.Subtract(entry.Captured)
	available := missing.Intersect(entry.Executed).Subtract(standing.Purged)
	var failure error
	if !available.IsEmpty() {
		failure = r.fill(ctx, source, o, available, t)
	}
	if failure != nil && !errors.Is(failure, files.ErrIncomplete) {
		return failure
	}
	if failure == nil { // Else it is said already what the log lacks.
		failure = gap(entry, standing.Purged)
	}
	return errors.Join(failure, purged(entry, standing.Purged, o.gone()), stillness(ctx, source, t))
}

// purged names what is wanted and was deleted on the server; gone says how that shows.
func purged(entry *ServerCapture, all gtid.Set, gone error) error {
	lost := entry.Wanted.Subtract(entry.Captured).Intersect(all)
	if lost.IsEmpty() {
		return nil
	}
	return fmt.Errorf("capture: %s: %s: %w; restore them from a backup of its binary logs", entry.Server, lost, gone)
}

// gap names what else the server could not give.
func gap(entry *ServerCapture, purged gtid.Set) error {
	missing := entry.Wanted.Subtract(entry.Captured).Subtract(purged)
	if never := missing.Subtract(entry.Executed); !never.IsEmpty() {
		return fmt.Errorf("capture: %s never executed %s", entry.Server, never)
	}
	if !missing.IsEmpty() {
		return fmt.Errorf("capture: the binary log of %s ends without %s", entry.Server, missing)
	}
	return nil
}

// fill copies the available transactions into the server's next file. The transactions that were whole when the copy
// failed are kept.
func (r Request) fill(ctx context.Context, source Source, o origin, available gtid.Set, t taking) error {
	exclude := t.entry.Executed.Subtract(available)
	if err := r.fits(ctx, source, o, exclude, available); err != nil {
		return err
	}
	name := t.free()
	path := filepath.Join(r.Dir, name)
	w, err := newWriter(path, available)
	if err != nil {
		return err
	}
	if r.Progress != nil {
		w.progress = func(transactions uint64, bytes int64) { r.Progress(t.entry.Server, transactions, bytes) }
	}
	w.room = r.stillFits
	failure := o.dump(ctx, exclude, w)
	file, err := w.settle()
	if err != nil {
		return errors.Join(failure, err, os.Remove(durable.Partial(path))) // It may fill a disk that others need.
	}
	captured, err := w.captured.Set()
	if err != nil || captured.IsEmpty() {
		return errors.Join(failure, err, os.Remove(durable.Partial(path)))
	}
	if err := durable.Publish(path); err != nil {
		return errors.Join(failure, err)
	}
	file.Name = name
	t.entry.Files, t.entry.Captured = append(t.entry.Files, file), t.entry.Captured.Union(captured)
	return failure
}

// free is the first name that no file has: the one of the server, then numbered ones.
func (t taking) free() string {
	used := slices.Concat(t.before.Files, t.entry.Files)
	name := t.entry.Server + ".binlog"
	taken := func(f File) bool { return f.Name == name }
	for n := 2; slices.ContainsFunc(used, taken); n++ {
		name = fmt.Sprintf("%s.%d.binlog", t.entry.Server, n)
	}
	return name
}

// stillness reads the executed set again, on a connection of its own as the other one is spent on the dump, and
// returns an error where the server executed transactions that nobody knew of.
func stillness(ctx context.Context, source Source, t taking) error {
	if source.Executed.IsEmpty() {
		return nil
	}
	o, err := source.open(ctx)
	if err != nil {
		return err
	}
	defer o.release()
	now, err := o.standing()
	if err != nil {
		return err
	}
	t.entry.Grown = now.Executed.Subtract(source.Executed).Subtract(t.known)
	if t.entry.Grown.IsEmpty() {
		return nil
	}
	return fmt.Errorf("capture: %s executed %s since it was compared; fence it and capture again",
		source.Server, t.entry.Grown)
}
