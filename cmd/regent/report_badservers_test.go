//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
)

// TestBadServers is TestBadFiles on running servers; the table stands there.
func TestBadServers(t *testing.T) {
	old, fresh := split(t)
	password := filepath.Join(t.TempDir(), "password")
	rewrite(t, password, []byte("secret\n"))
	s := &shell{t: t}
	account := func(server *mysqldtest.Server) string { return reconciler + "@" + server.Address() }
	diff := func(name string, code int, says string, flags ...string) {
		t.Helper()
		r := s.run(append([]string{"report", "diff", "--old", account(old), "--new", account(fresh), "--password-file", password, "-o", "json"}, flags...)...)
		if r.code != code || !strings.Contains(r.errs+r.out, says) || strings.Contains(r.out, `"complete": true`) != (code == codeDone) {
			t.Errorf("%s: exit %d, want %d that says %q: %.300s\n%.900s", name, r.code, code, says, r.out, r.errs)
		}
		if strings.Contains(r.out+r.errs, secretNote) {
			t.Errorf("%s: a value is printed: %s%s", name, r.out, r.errs)
		}
	}
	diff("nothing", codeDone, "4 transactions")
	const another = "00000000-0000-0000-0000-000000000002"
	diff("old: wrong server", codeError, another, "--old-uuid", another)
	diff("new: wrong server", codeError, another, "--new-uuid", another)

	// What the sides did since is in the second file of the old server and the newest of the new one; a file in the
	// middle is read again from disk, whatever the server remembers.
	for side, server := range map[string]*mysqldtest.Server{"old": old, "new": fresh} {
		code := map[string]int{"old": codeIncomplete, "new": codeError}[side]
		admin := server.Admin(t)
		do(t, admin, "FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
		log := filepath.Join(server.Spec().Dir, "data", newest(t, server, 2))
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)-60] ^= 1
		rewrite(t, log, content)
		diff(side+": flipped bits", code, "checksum")
		content[len(content)-60] ^= 1
		rewrite(t, log, content)
		if err := os.Rename(log, log+".away"); err != nil {
			t.Fatal(err)
		}
		diff(side+": missing file", code, "ould not open")
		if err := os.Rename(log+".away", log); err != nil {
			t.Fatal(err)
		}
		diff(side+": whole again", codeDone, "4 transactions")
	}
	do(t, fresh.Admin(t), "PURGE BINARY LOGS TO '"+newest(t, fresh, 0)+"'")
	diff("new: purged range", codeError, "purged")
	do(t, old.Admin(t), "PURGE BINARY LOGS TO '"+newest(t, old, 0)+"'")
	r := s.run("report", "capture", "--from", account(old), "--against", account(fresh), "--password-file", password, "--out", filepath.Join(t.TempDir(), "c"))
	if r.code != codeIncomplete || !strings.Contains(r.errs, "purged") {
		t.Errorf("old: purged range: exit %d: %s%s", r.code, r.out, r.errs)
	}
	do(t, fresh.Admin(t), "RESET BINARY LOGS AND GTIDS", "CREATE DATABASE other")
	diff("never one cluster", codeError, "never were one cluster")
}

func rewrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newest is the name of the newest file of a server's log, or of one that many files before it.
func newest(t *testing.T, server *mysqldtest.Server, before int) string {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(server.Spec().Dir, "data", "binlog.index"))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(index))
	return filepath.Base(names[len(names)-1-before])
}
