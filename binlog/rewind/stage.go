package rewind

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// stage is how far the rewind of a server has come.
type stage string

const (
	// fresh means that nothing was begun.
	fresh stage = ""
	// undoing means that the commit that undoes the rows may have been sent.
	undoing stage = "undoing"
	// settling means that the rows are undone, and that the GTID sets may be settled by half.
	settling stage = "settling"
)

// progress is the stage file of a server's rewind.
type progress struct {
	Stage stage `json:"stage"`
	// UUID is the server that it is about.
	UUID string `json:"uuid"`
	// Extra is what is undone, Kept what the server has executed besides.
	Extra gtid.Set `json:"extra"`
	Kept  gtid.Set `json:"kept"`
}

// StageName is the name of the file in the directory of the report that says how far the rewind of a server has come.
func StageName(server string) string { return "rewind-" + server + ".json" }

func stagePath(dir, server string) string { return filepath.Join(dir, StageName(server)) }

// readProgress reads the stage file; a server whose rewind was not begun has none.
func readProgress(dir, server string) (progress, error) {
	var p progress
	text, err := os.ReadFile(stagePath(dir, server))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("rewind: stage of %s: %w", server, err)
	}
	return p, nil
}

// write puts the stage on disk.
func (p progress) write(dir, server string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	return durable.Replace(stagePath(dir, server), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// forget removes the stage file once the rewind is over.
func forget(dir, server string) error {
	if err := os.Remove(stagePath(dir, server)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rewind: %w", err)
	}
	return nil
}
