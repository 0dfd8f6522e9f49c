package raftnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const identityFile = "node.json"

// identity is the part of a node's state that Raft does not keep: whose directory it is, and whether the node is on probation.
type identity struct {
	dir     string
	mu      sync.Mutex
	content identityContent
}

// identityContent is the file's content.
type identityContent struct {
	ID string `json:"id"`
	// Probation is set from the time an empty node meets a running group until a leader has brought it up to date.
	Probation bool `json:"probation"`
}

// openIdentity reads the identity in dir, or creates it for node id.
func openIdentity(dir, id string) (*identity, error) {
	it := &identity{dir: dir}
	path := filepath.Join(dir, identityFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return it, it.write(identityContent{ID: id})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read the identity: %w", ErrDataDir, err)
	}
	if err := json.Unmarshal(data, &it.content); err != nil {
		return nil, fmt.Errorf("%w: %s is damaged: %w; restore it from a backup, or empty the directory to join anew", ErrDataDir, path, err)
	}
	if it.content.ID != id {
		return nil, fmt.Errorf("%w: %s belongs to node %s and this is node %s; give every node a directory of its own and never copy one",
			ErrDataDir, dir, it.content.ID, id)
	}
	return it, nil
}

// onProbation reports whether the node may not take part in elections yet.
func (it *identity) onProbation() bool {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.content.Probation
}

// setProbation records the state durably before it takes effect.
func (it *identity) setProbation(on bool) error {
	it.mu.Lock()
	defer it.mu.Unlock()
	content := it.content
	content.Probation = on
	return it.write(content)
}

// write replaces the file so that a crash leaves the old or the new content.
func (it *identity) write(content identityContent) error {
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("raftnode: encode the identity: %w", err)
	}
	path := filepath.Join(it.dir, identityFile)
	if err := writeDurably(path+".new", append(data, '\n')); err != nil {
		return fmt.Errorf("%w: write the identity: %w; check permissions and free space", ErrDataDir, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("%w: write the identity: %w", ErrDataDir, err)
	}
	it.content = content
	return syncDir(it.dir)
}

// writeDurably writes a file and waits until it is on disk.
func writeDurably(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncDir waits until a rename in dir is on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("%w: open the directory: %w", ErrDataDir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("%w: sync the directory: %w", ErrDataDir, err)
	}
	return nil
}
