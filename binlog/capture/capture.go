package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// Source is a server that holds transactions which the new primary lacks.
type Source struct {
	Endpoint
	// Extra is what the server holds and the new primary lacks.
	Extra gtid.Set
	// Executed is the server's set that Extra was computed from. Transactions that it has executed since, and that
	// are neither known as extra nor on the new primary, make the capture incomplete.
	Executed gtid.Set
}

// Request says what to capture into which directory.
type Request struct {
	Servers []Source
	// Common is what both sides had before they diverged; it is recorded.
	Common gtid.Set
	// Enew is what the new primary has. A server may be late to commit some of that, and is not less still for it.
	Enew gtid.Set
	// Dir is created, for the owner only, where it does not exist.
	Dir string
	// Now gives the times of the manifest.
	Now func() time.Time
	Log *slog.Logger
	// Room measures the file system of Dir, so that nothing is begun that would not fit; nil where nobody asks.
	Room func(dir string) (durable.Room, error)
	// Progress is called after each transaction, with what has come from the server so far; nil where nobody asks.
	Progress func(server string, transactions uint64, bytes int64)
}

// ErrRequest is returned for a request that cannot be carried out as it is.
var ErrRequest = errors.New("bad capture request")

// Capture copies the union of the extra transactions of all servers into the directory and returns the manifest that
// it wrote there. A server that cannot be reached, or that lost what is wanted, is no error: the manifest is then
// incomplete and says why. What an earlier capture left in the directory is verified and kept, so that the call may be
// repeated until the manifest is complete. An error means that the directory cannot be used.
func Capture(ctx context.Context, r Request) (Manifest, error) {
	if err := r.check(); err != nil {
		return Manifest{}, err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return Manifest{}, fmt.Errorf("capture: %w", err)
	}
	before, err := earlier(r.Dir)
	if err != nil {
		return Manifest{}, err
	}
	m := r.inherited(before)
	for _, source := range r.Servers {
		m.Wanted = m.Wanted.Union(source.Extra)
	}
	for _, source := range r.ordered() {
		entry := r.one(ctx, source, m, before.server(source.Server))
		m.Servers = append(m.Servers, entry)
		m.Captured, m.Wanted = m.Captured.Union(entry.Captured), m.Wanted.Union(entry.Captured)
		m.conclude()
		if err := m.write(r.Dir); err != nil {
			return m, err
		}
	}
	if !m.Complete {
		return m, nil // A file that is damaged may yet be all that is left.
	}
	return m, m.sweep(r.Dir)
}

func (r Request) check() error {
	seen := map[string]bool{}
	for _, source := range r.Servers {
		name := source.Server
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) || seen[name] {
			return fmt.Errorf("capture: server %q: %w: names must be plain and different", name, ErrRequest)
		}
		seen[name] = true
	}
	if len(r.Servers) == 0 {
		return fmt.Errorf("capture: %w: no server", ErrRequest)
	}
	return nil
}

// ordered puts the servers with the most extra transactions first, so that as few files as possible hold the union.
func (r Request) ordered() []Source {
	return slices.SortedStableFunc(slices.Values(r.Servers), func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.Extra.Count(), a.Extra.Count()), strings.Compare(a.Server, b.Server))
	})
}

// inherited returns a manifest with what an earlier run captured from servers that the request no longer names: they
// may have been cloned over since.
func (r Request) inherited(before Manifest) Manifest {
	m := Manifest{Common: r.Common}
	for _, entry := range before.Servers {
		named := slices.ContainsFunc(r.Servers, func(s Source) bool { return s.Server == entry.Server })
		if !named && len(entry.Files) > 0 && entry.verify(r.Dir) == nil {
			m.Servers = append(m.Servers, entry)
			m.Captured, m.Wanted = m.Captured.Union(entry.Captured), m.Wanted.Union(entry.Captured)
		}
	}
	return m
}

func (m Manifest) server(name string) ServerCapture {
	for _, entry := range m.Servers {
		if entry.Server == name {
			return entry
		}
	}
	return ServerCapture{}
}

// conclude decides whether the capture is complete.
func (m *Manifest) conclude() {
	var reasons []string
	for _, entry := range m.Servers {
		if entry.Reason != "" {
			reasons = append(reasons, entry.Server+": "+entry.Reason)
		}
		for _, unknown := range entry.Unknown {
			reasons = append(reasons, entry.Server+": "+unknown)
		}
	}
	missing := m.Wanted.Subtract(m.Captured)
	if !missing.IsEmpty() {
		reasons = append(reasons, "not captured: "+missing.String())
	}
	m.Complete = missing.IsEmpty() && !m.Grew() && !m.Unknown()
	m.Reason = ""
	if !m.Complete {
		m.Reason = strings.Join(reasons, "; ")
	}
}

// Grew says that a server executed more than was known of it while it was captured.
func (m Manifest) Grew() bool {
	return slices.ContainsFunc(m.Servers, func(c ServerCapture) bool { return !c.Grown.IsEmpty() })
}

// one captures from one server what no earlier one gave.
func (r Request) one(ctx context.Context, source Source, m Manifest, before ServerCapture) ServerCapture {
	wanted := source.Extra.Subtract(m.Captured)
	sound := r.sound(ctx, before)
	if sound && before.Complete && before.Captured.Contains(wanted) {
		// Files are kept also when nothing is wanted of the server any more.
		before.Extra = before.Captured.Union(source.Extra)
		return before
	}
	entry := ServerCapture{
		Server: source.Server, Address: source.Address, Directory: source.Files, Extra: source.Extra, Executed: source.Executed,
		Wanted: wanted, Files: []File{}, StartedAt: r.Now(),
	}
	if !sound {
		before.Files = nil
	}
	if sound && source.Files == "" && before.Wanted.Equal(wanted) {
		// The dump broke off: what comes now is later in the server's order, so that it can go into another file.
		entry.UUID, entry.Files, entry.Captured = before.UUID, before.Files, before.Captured
	}
	var err error
	if !wanted.IsEmpty() || source.Files != "" { // Of files nobody knows yet whether they are all there.
		err = r.take(ctx, source, taking{known: m.Wanted.Union(r.Enew), before: before, entry: &entry})
	}
	if sound && !entry.Captured.Contains(before.Captured) {
		entry.Files, entry.Captured = before.Files, before.Captured
	}
	entry.EndedAt = r.Now()
	if err != nil {
		entry.Reason = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	entry.Complete = err == nil && len(entry.Unknown) == 0
	r.Log.InfoContext(ctx, "capture", slog.String("server", entry.Server), slog.Bool("complete", entry.Complete),
		slog.Uint64("transactions", entry.Captured.Count()), slog.String("reason", entry.Reason))
	return entry
}

// sound says whether an earlier run left files of the server that are what its manifest says.
func (r Request) sound(ctx context.Context, before ServerCapture) bool {
	if len(before.Files) == 0 {
		return false
	}
	err := before.verify(r.Dir)
	if err != nil {
		r.Log.WarnContext(ctx, "captured file is not sound; capturing again",
			slog.String("server", before.Server), slog.Any("error", err))
	}
	return err == nil
}
