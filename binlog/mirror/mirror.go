package mirror

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/regentdb/regent/binlog/durable"
)

// Names in the directory of a copy that are not of the report.
const (
	recordName = "copy.json"
	stageName  = "incoming"
)

var (
	// ErrDiffers is returned for a copy that is not what the original was.
	ErrDiffers = errors.New("the copy does not match the original")
	// ErrName is returned for a name that is none of a file in the directory.
	ErrName = errors.New("not the name of a file of a report")
)

// File is one file of a report.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Inventory are the files of a report, by name.
type Inventory []File

// Record says what a copy is of.
type Record struct {
	// Change is the state of the report's files that was copied.
	Change uint64    `json:"change"`
	Files  Inventory `json:"files"`
}

// Mirror takes inventories and makes copies. Its methods may be called by several goroutines, but not for one directory.
type Mirror struct {
	// Log is the name of a file that only grows: a copy may have more of it than the record says, and never less.
	Log string

	mu   sync.Mutex // leaf-level
	sums map[string]sum
}

// sum is the checksum of a file that looked like this when it was read.
type sum struct {
	info   fs.FileInfo
	digest string
}

// young is how new a file is whose times do not tell yet whether it was changed again.
const young = 2 * time.Second

// of tells whether a file is still the one that was read.
func (s *sum) of(info fs.FileInfo) bool {
	return s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime()) && os.SameFile(s.info, info)
}

// Take lists the files of a report and what is in them.
func (m *Mirror) Take(dir string) (Inventory, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	out := Inventory{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !ours(e.Name()) {
			continue
		}
		f, err := m.file(dir, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was removed meanwhile.
		}
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// ours tells whether a name is that of a file of a report.
func ours(name string) bool {
	return filepath.IsLocal(name) && filepath.Base(name) == name && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, `/\`) &&
		name != recordName && name != stageName && !strings.HasSuffix(name, durable.Partial("")) && !strings.HasSuffix(name, asideSuffix)
}

// Path is where a file of a report is. The error wraps ErrName.
func Path(dir, name string) (string, error) {
	if !ours(name) {
		return "", fmt.Errorf("mirror: %w: %q", ErrName, name)
	}
	return filepath.Join(dir, name), nil
}

// file looks at one file, and reads it only where it has changed since it was read last.
func (m *Mirror) file(dir, name string) (File, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return File{}, fmt.Errorf("mirror: %w", err)
	}
	m.mu.Lock()
	known, read := m.sums[path]
	m.mu.Unlock()
	if read && known.of(info) {
		return File{Name: name, Size: info.Size(), SHA256: known.digest}, nil
	}
	began := time.Now()
	digest, err := digestOf(path, info.Size())
	if err != nil {
		return File{}, err
	}
	if began.Sub(info.ModTime()) > young {
		m.remember(path, sum{info, digest})
	}
	return File{Name: name, Size: info.Size(), SHA256: digest}, nil
}

func (m *Mirror) remember(path string, s sum) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sums == nil {
		m.sums = map[string]sum{}
	}
	m.sums[path] = s
}

// digestOf reads the first bytes of a file.
func digestOf(path string, size int64) (digest string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("mirror: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	h := sha256.New()
	if _, err := io.CopyN(h, in, size); err != nil {
		return "", fmt.Errorf("mirror: read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Copied reads the record of a copy; false where the directory is none, or one that is not whole yet.
func Copied(dir string) (Record, bool) {
	var r Record
	return r, readJSON(filepath.Join(dir, recordName), &r) == nil
}

// Unfinished tells whether the files of a copy are being exchanged for newer ones.
func Unfinished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, stageName, recordName))
	return err == nil
}

// Verify reads a copy back. The error wraps ErrDiffers.
func (m *Mirror) Verify(dir string) error {
	r, copied := Copied(dir)
	if !copied {
		return fmt.Errorf("mirror: %s: %w: it was never whole", dir, ErrDiffers)
	}
	for _, want := range r.Files {
		if !m.holds(dir, want) {
			return fmt.Errorf("mirror: %s: %w: %s is another", dir, ErrDiffers, want.Name)
		}
	}
	return nil
}

// holds tells whether a directory has a file as it should be.
func (m *Mirror) holds(dir string, want File) bool {
	if want.Name == m.Log {
		digest, err := digestOf(filepath.Join(dir, want.Name), want.Size)
		return err == nil && digest == want.SHA256
	}
	have, err := m.file(dir, want.Name)
	return err == nil && have == want
}

// Same tells whether an original is as it was, but for more in its log.
func (m *Mirror) Same(before, now Inventory) bool {
	part := func(all Inventory) Inventory {
		out := slices.DeleteFunc(slices.Clone(all), func(f File) bool { return f.Name == m.Log })
		slices.SortFunc(out, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
		return out
	}
	return slices.Equal(part(before), part(now))
}

// Disown makes an original of a copy: its record no longer speaks for it.
func Disown(dir string) error {
	for _, name := range []string{recordName, stageName} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
	}
	return nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("mirror: %s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return replace(path, text)
}

func replace(path string, content []byte) error {
	err := durable.Replace(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}
