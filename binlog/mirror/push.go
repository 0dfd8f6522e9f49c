package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ErrGap is returned where a copy lacks what comes before the part that is to be added, or has something else there.
var ErrGap = errors.New("the part does not continue the copy")

// Part is a part of a small file that changes while somebody works on the report.
type Part struct {
	Name string `json:"name"`
	// Offset is where the data begin in the log. Any other file is replaced by them.
	Offset int64  `json:"offset,omitempty"`
	Data   []byte `json:"data"`
}

// Add brings a part into a copy, and returns once it is on disk. The error wraps ErrGap, or ErrDiffers where the directory
// is no copy.
func (m *Mirror) Add(dir string, p Part) error {
	r, copied := Copied(dir)
	path, err := Path(dir, p.Name)
	switch {
	case err != nil:
		return err
	case !copied:
		return fmt.Errorf("mirror: %s: %w: it is not whole yet", dir, ErrDiffers)
	case p.Name == m.Log:
		return grow(path, p)
	}
	if err := replace(path, p.Data); err != nil {
		return err
	}
	f, err := m.file(dir, p.Name)
	if err != nil {
		return err
	}
	r.Files = append(slices.DeleteFunc(r.Files, func(o File) bool { return o.Name == p.Name }), f)
	return writeJSON(filepath.Join(dir, recordName), r)
}

// grow appends to the log what it does not have yet.
func grow(path string, p Part) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	if p.Offset < 0 || size < p.Offset {
		return fmt.Errorf("mirror: %s: %w: it has %d bytes, not %d", path, ErrGap, size, p.Offset)
	}
	overlap := min(size-p.Offset, int64(len(p.Data)))
	have := make([]byte, overlap)
	if _, err := file.ReadAt(have, p.Offset); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("mirror: %w", err)
	}
	if !bytes.Equal(have, p.Data[:overlap]) {
		return fmt.Errorf("mirror: %s: %w: it says something else from byte %d on", path, ErrGap, p.Offset)
	}
	if overlap == int64(len(p.Data)) {
		return nil
	}
	if _, err := file.WriteAt(p.Data[overlap:], p.Offset+overlap); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// Tail reads the log of an original from an offset on; it has no bytes where there is no log.
func (m *Mirror) Tail(dir string, offset int64) (Part, error) {
	p := Part{Name: m.Log, Offset: offset}
	file, err := os.Open(filepath.Join(dir, m.Log))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("mirror: %w", err)
	}
	_, err = file.Seek(offset, io.SeekStart)
	if err == nil {
		p.Data, err = io.ReadAll(file)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return p, fmt.Errorf("mirror: %w", err)
	}
	return p, nil
}
