//go:build integration

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
)

// TestEncryptedLogs: nobody but the server that encrypted its logs reads them. Its files are refused with the way on,
// alone or among plain ones, and the server itself gives the report that a plain one gives.
func TestEncryptedLogs(t *testing.T) {
	old, fresh := mysqldtest.Start(t, "east-db1", 1, false), mysqldtest.Start(t, "west-db1", 2, false)
	old.Encrypt(t)
	part(t, old, fresh)
	data := filepath.Join(old.Spec().Dir, "data")
	encrypted := newest(t, old, 0)
	sealed(t, filepath.Join(data, encrypted), true)
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	rewrite(t, password, []byte("secret\n"))
	s := &shell{t: t}
	account := func(server *mysqldtest.Server) string { return reconciler + "@" + server.Address() }
	refused := func(code int, line ...string) {
		t.Helper()
		r := s.run(append([]string{"report"}, append(line, "--password-file", password, "-o", "json")...)...)
		for _, says := range []string{encrypted, "encrypted (binlog_encryption)", "start the server, which alone has the keys"} {
			if r.code != code || !strings.Contains(r.errs, says) || strings.Contains(r.out, `"complete": true`) {
				t.Errorf("%q: exit %d, want %d that says %q: %.300s\n%.900s", line, r.code, code, says, r.out, r.errs)
			}
		}
		if strings.Contains(r.out+r.errs, secretNote) {
			t.Errorf("%q: a value is printed: %s%s", line, r.out, r.errs)
		}
	}
	refused(codeError, "capture", "--from", data, "--against", account(fresh), "--out", filepath.Join(dir, "refused"))
	refused(codeError, "diff", "--old", data, "--new", account(fresh))
	refused(codeError, "diff", "--old", account(fresh), "--new", data)
	if _, err := os.Stat(filepath.Join(dir, "refused")); err == nil {
		t.Error("a refused capture leaves a directory")
	}

	capture := s.run("report", "capture", "--from", account(old), "--against", account(fresh), "--password-file", password,
		"--out", filepath.Join(dir, "taken"), "-o", "table")
	if capture.code != codeDone || !strings.Contains(capture.out, "4 of 4 transactions captured") {
		t.Errorf("the running server: exit %d: %s%s", capture.code, capture.out, capture.errs)
	}
	report := filepath.Join(dir, "report")
	r := s.run("report", "diff", "--old", account(old), "--new", account(fresh), "--password-file", password, "--out", report, "-o", "json")
	var result diffResult
	if err := json.Unmarshal([]byte(r.out), &result); err != nil || r.code != codeDone || !result.Complete {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.out, r.errs)
	}
	if diff := cmp.Diff(map[string]int{"SAFE": 2, "CONFLICT": 1, "ALREADY": 1}, result.ByClass); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.Contains(lines(t, report), secretNote) {
		t.Error("the report has not the value of the row that was inserted")
	}

	// A newest file that is plain tells what the server had, so that what is encrypted is missing by name.
	do(t, old.Admin(t), "SET GLOBAL binlog_encryption=OFF", "INSERT INTO shop.orders VALUES (5,'late',50)")
	sealed(t, filepath.Join(data, newest(t, old, 0)), false)
	refused(codeIncomplete, "capture", "--from", data, "--against", account(fresh), "--out", filepath.Join(dir, "mixed"))
	refused(codeIncomplete, "diff", "--old", data, "--new", account(fresh))
}

// sealed checks by its first bytes whether a file is encrypted.
func sealed(t *testing.T, path string, want bool) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || len(content) < 4 || (string(content[:4]) == "\xfdbin") != want || strings.Contains(string(content), secretNote) {
		t.Fatalf("%s, %d bytes, encrypted should be %v: %v", path, len(content), want, err)
	}
}
