package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// shelves are the files of two sides: the old one has nine transactions, the new one the first six.
func shelves(t *testing.T) (old, fresh string) {
	t.Helper()
	old, fresh = filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "new")
	for dir, transactions := range map[string]int{old: 9, fresh: 6} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		f := filestest.New(1, 0)
		for range transactions {
			f.Transaction(30)
		}
		f.Write(t, filepath.Join(dir, "binlog.000001"))
	}
	return old, fresh
}

// tear cuts the end off the newest file.
func tear(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "binlog.000001")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content[:len(content)-7], 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCaptureFromFilesNeedsNoController(t *testing.T) {
	old, fresh := shelves(t)
	s := &shell{t: t}
	out := filepath.Join(t.TempDir(), "capture")
	for _, line := range [][]string{
		{"--against", fresh}, {"--wanted", filestest.UUID + ":7-9"}, {"--against", fresh, "--uuid", filestest.UUID},
	} {
		var m binlog.Manifest
		s.json(&m, append([]string{"report", "capture", "--from", old, "--out", out}, line...)...)
		if !m.Complete || m.Captured.String() != filestest.UUID+":7-9" {
			t.Errorf("%v: %+v", line, m)
		}
	}
	r := s.run("report", "capture", "--from", old, "--out", filepath.Join(t.TempDir(), "all"), "-o", "table")
	if r.code != codeDone || !strings.Contains(r.out, "9 of 9 transactions captured") || !strings.HasSuffix(r.out, "complete\n") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
}

func TestCaptureSaysWhatIsMissing(t *testing.T) {
	old, fresh := shelves(t)
	tear(t, old)
	s := &shell{t: t}
	r := s.run("report", "capture", "--from", old, "--out", filepath.Join(t.TempDir(), "c"), "--against", fresh)
	var m binlog.Manifest
	if err := json.Unmarshal([]byte(r.out), &m); err != nil {
		t.Fatal(err)
	}
	torn := filestest.UUID + ":9 is torn"
	if r.code != codeIncomplete || m.Complete || m.Captured.Count() != 2 || !strings.Contains(m.Reason, torn) || !strings.Contains(r.errs, torn) {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
}

func TestStandaloneUsage(t *testing.T) {
	old, fresh := shelves(t)
	stranger := filepath.Join(t.TempDir(), "stranger")
	if err := os.Mkdir(stranger, 0o700); err != nil {
		t.Fatal(err)
	}
	filestest.NewAfter(2, gtid.MustParse("00000000-0000-0000-0000-000000000002:1-5")).Write(t, filepath.Join(stranger, "binlog.000001"))
	used := filepath.Join(t.TempDir(), "used")
	s := &shell{t: t}
	if r := s.run("report", "capture", "--from", old, "--out", used); r.code != codeDone {
		t.Fatal(r.errs)
	}
	for name, tt := range map[string]struct {
		line string
		code int
		says string
	}{
		"no source":                {"capture --out x", codeUsage, "--from"},
		"no directory":             {"capture --from " + old, codeUsage, "--out"},
		"nothing that exists":      {"capture --from /no/where --out x", codeUsage, "neither a directory"},
		"both wishes":              {"capture --from " + old + " --out x --wanted u:1 --against " + fresh, codeUsage, "give one"},
		"a set that is none":       {"capture --from " + old + " --out x --wanted abc", codeUsage, "--wanted"},
		"a password":               {"capture --from root:secret@db1:3306 --out x", codeUsage, "--password-file"},
		"a set for a server":       {"diff --old a@127.0.0.1:1 --old-executed " + filestest.UUID + ":1 --new " + fresh, codeUsage, "is for files"},
		"a directory in use":       {"capture --from " + fresh + " --out " + used, codeUsage, "holds the capture of"},
		"another server":           {"diff --old " + old + " --old-uuid 00000000-0000-0000-0000-000000000002 --new " + fresh, codeError, "is wanted"},
		"never one cluster":        {"diff --old " + old + " --new " + stranger, codeError, "never were one cluster"},
		"never one, for a capture": {"capture --from " + old + " --out x --against " + stranger, codeError, "never were one cluster"},
		"a server that is not up":  {"diff --old a@127.0.0.1:1 --new " + fresh, codeError, "connect to 127.0.0.1:1"},
		"no log":                   {"diff --old " + filepath.Dir(old) + " --new " + fresh, codeError, "no binary log"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.run(append([]string{"report"}, strings.Fields(tt.line)...)...)
			if r.code != tt.code || !strings.Contains(r.errs, tt.says) || strings.Contains(r.errs, "secret") {
				t.Errorf("exit %d, want %d that says %q: %s%s", r.code, tt.code, tt.says, r.out, r.errs)
			}
		})
	}
}

func TestDiffOfFilesAloneCallsNothingSafe(t *testing.T) {
	old, fresh := shelves(t)
	s := &shell{t: t}
	out := filepath.Join(t.TempDir(), "report")
	var result diffResult
	s.json(&result, "report", "diff", "--old", old, "--new", fresh, "--out", out)
	if !result.Diverged || !result.Complete || result.Listed != 3 || result.ByClass["SAFE"] > 0 || result.Directory != out {
		t.Errorf("%+v", result)
	}
	r := s.run("report", "diff", "--old", old, "--new", fresh, "-o", "table")
	if r.code != codeDone || !strings.Contains(r.out, "had 3 transactions that") || strings.Contains(r.out, "the report is in") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
	result = diffResult{}
	s.json(&result, "report", "diff", "--old", fresh, "--new", old)
	if result.Diverged {
		t.Error("the old side has nothing that the new side lacks")
	}
	tear(t, old)
	if r := s.run("report", "diff", "--old", old, "--new", fresh); r.code != codeIncomplete || !strings.Contains(r.errs, filestest.UUID+":9") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
}

func TestFilesThatDoNotTellAllNeedAWord(t *testing.T) {
	_, fresh := shelves(t)
	cloned := filepath.Join(t.TempDir(), "cloned")
	if err := os.Mkdir(cloned, 0o700); err != nil {
		t.Fatal(err)
	}
	filestest.NewAfter(1, gtid.MustParse(filestest.UUID+":4-6")).After(6).Transaction(9).Write(t, filepath.Join(cloned, "binlog.000001"))
	s := &shell{t: t}
	r := s.run("report", "diff", "--old", cloned, "--new", fresh)
	if want := "add --old-executed " + filestest.UUID + ":1-3"; r.code != codeError || !strings.Contains(r.errs, want) {
		t.Errorf("exit %d: %s; want %q", r.code, r.errs, want)
	}
	if r := s.run("report", "diff", "--old", fresh, "--new", cloned); !strings.Contains(r.errs, "add --new-executed "+filestest.UUID+":1-3") {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
	var result diffResult
	s.json(&result, "report", "diff", "--old", cloned, "--new", fresh, "--old-executed", filestest.UUID+":1-3")
	if !result.Complete || result.Gtids.OldOnly.String() != filestest.UUID+":7" || result.Gtids.Common.String() != filestest.UUID+":1-6" {
		t.Errorf("%+v", result)
	}
}

func TestThePasswordComesFromAFileOrTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own, common := write("own", "a\r\nrest"), write("common", "b")
	c := &console{env: func(string) string { return "c" }}
	for want, tt := range map[string]struct{ own, common string }{
		"a": {own, common}, "b": {"", common}, "c": {"", ""},
	} {
		got, err := c.endpoint(source{flag: "--old", text: "regent@db1", passwordFile: tt.own}, logins{passwordFile: tt.common})
		if err != nil || got.Password != want || got.Address != "db1:3306" || got.User != "regent" || got.Server != "db1:3306" {
			t.Errorf("%+v, %v; want password %s", got, err, want)
		}
	}
	socket, err := c.endpoint(source{flag: "--old", text: "regent@/run/mysqld.sock"}, logins{})
	if err != nil || socket.Address != "/run/mysqld.sock" || socket.Server != "run-mysqld.sock" {
		t.Errorf("%+v, %v", socket, err)
	}
	if _, err := c.endpoint(source{flag: "--old", text: "regent@db1"}, logins{passwordFile: filepath.Join(dir, "none")}); err == nil {
		t.Error("a file that is not there was accepted")
	}
}
