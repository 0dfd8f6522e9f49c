package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrDirectory says that a directory cannot hold a lab.
var ErrDirectory = errors.New("bad lab directory")

// layout names the files of a lab's directory.
type layout struct{ dir string }

// mark is the file that says that a directory is a lab's.
const mark = "lab.json"

func (l layout) path(names ...string) string {
	return filepath.Join(append([]string{l.dir}, names...)...)
}

func (l layout) spec() string              { return l.path(mark) }
func (l layout) control() string           { return l.path("run", "control.sock") }
func (l layout) exec() string              { return l.path("run", "exec.sock") }
func (l layout) socket(name string) string { return l.path("run", name+".sock") }
func (l layout) server(name string) string { return l.path("servers", name) }
func (l layout) node(name string) string   { return l.path("nodes", name, "node.yaml") }
func (l layout) tls(name string) string    { return l.path("tls", name) }
func (l layout) secret(name string) string { return l.path("secrets", name) }
func (l layout) log(name string) string    { return l.path("logs", name+".log") }
func (l layout) notified() string          { return l.log("notified") }
func (l layout) client() string            { return l.path("bin", "mysql") }
func (l layout) clusters() string          { return l.path("clusters.yaml") }

// DefaultDirectory is where a lab lies when nobody says otherwise: below the
// user's cache directory, which is on a disk where /tmp may not be.
func DefaultDirectory() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("lab: %w: %w; give one with --dir", ErrDirectory, err)
	}
	return filepath.Join(base, "regent", "lab"), nil
}

// openLayout answers the layout of a directory, absolute. A directory with
// other things in it is refused, because Down would remove some of them.
func openLayout(dir string) (layout, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("lab: %w: %s: %w", ErrDirectory, dir, err)
	}
	l := layout{dir: absolute}
	entries, err := os.ReadDir(absolute)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return l, nil
	case err != nil:
		return layout{}, fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	if _, err := os.Stat(l.spec()); err == nil || len(entries) == 0 || len(entries) == 1 && entries[0].Name() == "logs" {
		return l, nil
	}
	return layout{}, fmt.Errorf("lab: %w: %s is not empty and is not a lab's; give another with --dir", ErrDirectory, absolute)
}

// create makes the directories. Only the owner may look in: there are
// passwords and keys.
func (l layout) create() error {
	for _, directory := range []string{"", "run", "servers", "nodes", "tls", "secrets", "logs", "bin"} {
		if err := os.MkdirAll(l.path(directory), 0o700); err != nil {
			return fmt.Errorf("lab: %w: %w", ErrDirectory, err)
		}
	}
	return nil
}

// remove takes everything away but the logs.
func (l layout) remove() error {
	if _, err := os.Stat(l.spec()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var failed error
	for _, name := range []string{"run", "servers", "nodes", "tls", "secrets", "bin", "clusters.yaml", "lab.json"} {
		if err := os.RemoveAll(l.path(name)); err != nil {
			failed = errors.Join(failed, fmt.Errorf("lab: remove: %w", err))
		}
	}
	return failed
}

// write puts a file below the directory, for the owner alone.
func (l layout) write(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	return nil
}
