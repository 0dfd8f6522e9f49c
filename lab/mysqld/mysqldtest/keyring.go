package mysqldtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// keyring is what a server needs besides its own files to keep keys. It asks for the manifest beside its program and for
// the component's settings beside the component (manual, "Keyring Component Installation"), so that each server gets
// both directories of its own, full of links: the installation is everybody's.
type keyring struct {
	program, plugins string
}

// Encrypt starts a running server again with its binary and relay logs encrypted from there on. The keys are in a file
// beside the data directory.
func (s *Server) Encrypt(t testing.TB) {
	t.Helper()
	var base, messages, plugins string
	db := s.Admin(t)
	if err := db.QueryRowContext(t.Context(), "SELECT @@basedir, @@lc_messages_dir, @@plugin_dir").Scan(&base, &messages, &plugins); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := keyring{program: filepath.Join(s.Spec().Dir, "sbin"), plugins: filepath.Join(s.Spec().Dir, "plugin")}
	link(t, plugins, k.plugins)
	settings := map[string]any{"path": filepath.Join(s.Spec().Dir, "keys"), "read_only": false}
	write(t, filepath.Join(k.plugins, "component_keyring_file.cnf"), settings)
	if err := os.Mkdir(k.program, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(k.program, "mysqld.my"), map[string]any{"components": "file://component_keyring_file"})
	s.keyring = k
	s.With("--binlog-encryption=ON", "--basedir="+base, "--lc-messages-dir="+messages, "--plugin-dir="+k.plugins)
	s.Run(t)
}

// launch starts the program that has the manifest beside it, where there is one.
func (s *Server) launch(command *exec.Cmd) error {
	if s.keyring.program == "" {
		return command.Start()
	}
	// What runs the program may be a loader: the program stands before its first flag.
	program := slices.IndexFunc(command.Args, func(a string) bool { return strings.HasPrefix(a, "--defaults-file=") }) - 1
	beside := filepath.Join(s.keyring.program, "mysqld")
	if _, err := os.Lstat(beside); err != nil {
		if err := os.Symlink(command.Args[program], beside); err != nil {
			return err
		}
	}
	command.Args[program] = beside
	return command.Start()
}

// link fills a new directory with links to what another one holds.
func link(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err == nil {
		err = os.Mkdir(to, 0o700)
	}
	for _, entry := range entries {
		if err == nil {
			err = os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path string, content any) {
	t.Helper()
	text, err := json.Marshal(content)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
