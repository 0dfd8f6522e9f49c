package capture

import (
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
	"time"

	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// ManifestName is the file that describes a capture, in the directory of the capture.
const ManifestName = "manifest.json"

// ErrChecksum is returned for a captured file that is not what the manifest says.
var ErrChecksum = errors.New("the captured file does not match its manifest")

// Manifest describes a capture: what was wanted, from whom, and which files hold it.
type Manifest struct {
	Servers []ServerCapture `json:"servers"`
	// Common is what both sides had before they diverged.
	Common gtid.Set `json:"common"`
	// Wanted is the union of the extra transactions of all servers, Captured the part that is in the files.
	Wanted   gtid.Set `json:"wanted"`
	Captured gtid.Set `json:"captured"`
	Complete bool     `json:"complete"`
	// Reason says why the capture is incomplete; empty when it is complete.
	Reason string `json:"reason,omitempty"`
}

// ServerCapture is what came from one server.
type ServerCapture struct {
	Server  string `json:"server"`
	UUID    string `json:"uuid,omitempty"`
	Address string `json:"address"`
	// Directory is where the binary log files are, where they were read instead of the server.
	Directory string `json:"directory,omitempty"`
	// Extra is what the server holds and the new primary lacks.
	Extra gtid.Set `json:"extra"`
	// Executed is the server's set when its capture began.
	Executed gtid.Set `json:"executed"`
	// Wanted is the part of Extra that no earlier server had given.
	Wanted   gtid.Set `json:"wanted"`
	Captured gtid.Set `json:"captured"`
	// Grown is what the server executed while it should have stood still, and nobody knew as extra.
	Grown gtid.Set `json:"grown"`
	// Unknown says what the server may hold that nobody can name, one reason each.
	Unknown   []string  `json:"unknown,omitempty"`
	Files     []File    `json:"files"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Complete  bool      `json:"complete"`
	Reason    string    `json:"reason,omitempty"`
}

// File is one captured file.
type File struct {
	Name string `json:"name"`
	// Size is in bytes.
	Size         int64  `json:"size"`
	SHA256       string `json:"sha256"`
	Transactions int    `json:"transactions"`
}

// Unknown says whether a server may hold what nobody can name.
func (m Manifest) Unknown() bool {
	return slices.ContainsFunc(m.Servers, func(c ServerCapture) bool { return len(c.Unknown) > 0 })
}

// ReadManifest reads the manifest of a directory. It returns an error that wraps fs.ErrNotExist where there is none.
func ReadManifest(dir string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if err != nil {
		return m, fmt.Errorf("capture: read manifest: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("capture: read manifest %s: %w", filepath.Join(dir, ManifestName), err)
	}
	return m, nil
}

// Verify reads every file back. It returns an error that wraps ErrChecksum, or fs.ErrNotExist, naming the first file
// that is not as the manifest says.
func (m Manifest) Verify(dir string) error {
	for _, server := range m.Servers {
		if err := server.verify(dir); err != nil {
			return err
		}
	}
	return nil
}

func (c ServerCapture) verify(dir string) error {
	for _, file := range c.Files {
		if err := file.verify(dir); err != nil {
			return err
		}
	}
	return nil
}

func (f File) verify(dir string) (err error) {
	path := filepath.Join(dir, filepath.Base(f.Name))
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("capture: verify: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	sum := sha256.New()
	size, err := io.Copy(sum, in)
	if err != nil {
		return fmt.Errorf("capture: verify %s: %w", path, err)
	}
	if size != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("capture: verify %s: %w", path, ErrChecksum)
	}
	return nil
}

// write replaces the manifest of the directory in one step.
func (m Manifest) write(dir string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("capture: write manifest: %w", err)
	}
	err = durable.Replace(filepath.Join(dir, ManifestName), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// sweep removes captured files that the manifest does not name any more.
func (m Manifest) sweep(dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*.binlog"))
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	for _, path := range found {
		named := func(f File) bool { return f.Name == filepath.Base(path) }
		if slices.ContainsFunc(m.Servers, func(c ServerCapture) bool { return slices.ContainsFunc(c.Files, named) }) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
	}
	return nil
}

// earlier returns the manifest of a directory that may have none yet.
func earlier(dir string) (Manifest, error) {
	m, err := ReadManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, nil
	}
	return m, err
}
