package mysqld

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// Spec describes one instance.
type Spec struct {
	// Name is for people and logs.
	Name string
	// Dir holds everything that the instance writes: data, logs, settings.
	Dir string
	// Log is the file for what it has to say; empty is error.log in Dir.
	Log string
	// Socket is the path of the Unix socket, of at most 107 characters.
	Socket string
	// Address is where it listens; it must exist where the process is started.
	Address netip.AddrPort
	// ID is the server id, unique in a replication topology.
	ID uint32
	// ReadOnly makes the instance boot with super_read_only until somebody
	// persists something else.
	ReadOnly bool
}

// maxSocketPath is what the kernel has room for (unix(7), sun_path) less the
// final zero byte.
const maxSocketPath = 107

func (s Spec) path(name string) string { return filepath.Join(s.Dir, name) }
func (s Spec) data() string            { return s.path("data") }
func (s Spec) defaults() string        { return s.path("mysqld.cnf") }

// ErrorLog is the path of the instance's log.
func (s Spec) ErrorLog() string {
	if s.Log != "" {
		return s.Log
	}
	return s.path("error.log")
}

// Create makes the instance's directory: a copy of the template's data and a
// defaults file. It fails where the instance exists already.
func (s Spec) Create(t *Template) error {
	if len(s.Socket) > maxSocketPath {
		return fmt.Errorf("mysqld: %s: the socket path %s has %d characters and %d fit; use a shorter directory",
			s.Name, s.Socket, len(s.Socket), maxSocketPath)
	}
	if err := s.writeDefaults(); err != nil {
		return err
	}
	from := Spec{Dir: t.Directory}
	if err := copyTree(from.data(), s.data()); err != nil {
		return fmt.Errorf("mysqld: create %s: %w", s.Name, err)
	}
	return nil
}

// writeDefaults writes the almost empty defaults file. Settings are flags; only
// what differs for the first boot stands here.
func (s Spec) writeDefaults() error {
	text := "[mysqld]\n"
	if s.ReadOnly {
		text += "super_read_only = ON\n"
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("mysqld: create %s: %w", s.Name, err)
	}
	if err := os.WriteFile(s.defaults(), []byte(text), 0o644); err != nil {
		return fmt.Errorf("mysqld: create %s: %w", s.Name, err)
	}
	return nil
}
