package mysqld

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regentdb/regent/lab/daemon"
)

// ErrNotDown says that something needs an instance that does not run.
var ErrNotDown = errors.New("the server runs")

// OwnDisk is the directory at which an instance has a disk of its own, where it has one.
func (s Spec) OwnDisk() string { return s.path("disk") }

// HasOwnDisk tells whether the instance keeps its data there, from its next start on.
func (s *Server) HasOwnDisk() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ownDisk
}

// MoveData moves the data of an instance that is down to its own disk, or back to where it was. The error wraps
// ErrNotDown for one that runs.
func (s *Server) MoveData(own bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state, _ := s.Status(); state != daemon.Down {
		return fmt.Errorf("mysqld: move the data of %s: %w", s.spec.Name, ErrNotDown)
	}
	from, to := s.spec.data(), filepath.Join(s.spec.OwnDisk(), "data")
	if !own {
		from, to = to, from
	}
	if err := copyTree(from, to); err != nil {
		return err
	}
	s.ownDisk = own
	if err := os.RemoveAll(from); err != nil {
		return fmt.Errorf("mysqld: move the data of %s: %w", s.spec.Name, err)
	}
	return nil
}

// dataFlags say where the data is that is not in its usual place. The caller holds the lock.
func (s *Server) dataFlags() []string {
	if !s.ownDisk {
		return nil
	}
	return []string{"--datadir=" + filepath.Join(s.spec.OwnDisk(), "data")}
}
