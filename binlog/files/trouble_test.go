package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// change edits a file.
func change(t *testing.T, path string, edit func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, edit(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTrouble breaks one thing at a time. Whatever was there whole must come out, and what is missing be named.
func TestTrouble(t *testing.T) {
	at := func(dir, name string) string { return filepath.Join(dir, name) }
	for name, tt := range map[string]struct {
		spoil    func(t *testing.T, dir string)
		executed string // of the server
		whole    string // what comes out of a dump of everything
		says     string // in the error of the dump
		unknown  string // in what nobody can name
	}{
		"a missing file by number": {
			func(t *testing.T, dir string) { remove(t, at(dir, "binlog.000002")) },
			"1-9", "1-3:7-9", "binlog.000002; " + uuid + ":4-6 was logged there", "",
		},
		"the newest file missing, as the one before says": {
			func(t *testing.T, dir string) { remove(t, at(dir, "binlog.000003")) },
			"1-6", "1-6", "", "going on in binlog.000003",
		},
		"the newest file missing, as the index says": {
			func(t *testing.T, dir string) {
				index(t, dir, "./binlog.000001", "/var/lib/mysql/binlog.000002", `C:\data\binlog.000003`)
				remove(t, at(dir, "binlog.000003"))
			},
			"1-6", "1-6", "", "binlog.000003, behind binlog.000002",
		},
		"the oldest file missing": {
			func(t *testing.T, dir string) { remove(t, at(dir, "binlog.000001")) },
			"1-9", "4-9", "", "",
		},
		"torn inside an event": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000003"), func(b []byte) []byte { return b[:len(b)-10] })
			},
			"1-9", "1-8", uuid + ":9 is torn", "",
		},
		"torn between two events of a transaction": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000003"), func(b []byte) []byte { return b[:len(b)-31] })
			},
			"1-9", "1-8", uuid + ":9 is torn", "",
		},
		"a file in the middle cut off between transactions": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000002"), func(b []byte) []byte { return b[:filestest.Opening(b, 2)] })
			},
			"1-9", "1-5:7-9", "binlog.000002 ends without " + uuid + ":6", "",
		},
		"torn inside the event that opens a transaction": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000003"), func(b []byte) []byte { return b[:filestest.Opening(b, 2)+30] })
			},
			"1-8", "1-8", "it cannot be read", "binlog.000003 at offset",
		},
		"a bit in a row": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000002"), func(b []byte) []byte { b[filestest.Opening(b, 2)-40] ^= 4; return b })
			},
			"1-9", "1-4:6-9", uuid + ":5 is damaged: wrong checksum", "",
		},
		"a bit in the event that opens a transaction": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000002"), func(b []byte) []byte { b[filestest.Opening(b, 1)+30] ^= 4; return b })
			},
			"1-9", "1-4:6-9", "binlog.000002 at offset", "",
		},
		"a bit in the event that opens the last transaction": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000003"), func(b []byte) []byte { b[filestest.Opening(b, 2)+30] ^= 4; return b })
			},
			"1-8", "1-8", "binlog.000003 at offset", "binlog.000003 at offset",
		},
		"a bit in a size": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000002"), func(b []byte) []byte { b[filestest.Opening(b, 1)+11] ^= 4; return b })
			},
			"1-9", "1-4:7-9", "binlog.000002 ends without " + uuid + ":5-6", "",
		},
		"a file that is encrypted": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000002"), func(b []byte) []byte { b[0] = 0xfd; return b })
			},
			"1-9", "1-3:7-9", "start the server, which alone has the keys", "",
		},
		"an empty file": {
			func(t *testing.T, dir string) {
				change(t, at(dir, "binlog.000002"), func(b []byte) []byte { return b[:0] })
			},
			"1-9", "1-3:7-9", "inside its header", "",
		},
		"a file that cannot be opened": {
			func(t *testing.T, dir string) {
				remove(t, at(dir, "binlog.000002"))
				if err := os.Symlink(at(dir, "nowhere"), at(dir, "binlog.000002")); err != nil {
					t.Fatal(err)
				}
			},
			"1-9", "1-3:7-9", "restore it from a backup", "",
		},
		"transactions without GTID": {
			func(t *testing.T, dir string) {
				filestest.New(1, 6).Transaction(3).Anonymous().Transaction(3).Write(t, at(dir, "binlog.000003"))
			},
			"1-8", "1-8", "gtid_mode was not ON", "gtid_mode was not ON",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := three(t)
			tt.spoil(t, dir)
			log := open(t, dir)
			standing, err := log.Standing()
			if err != nil || !standing.Executed.Equal(set(tt.executed)) {
				t.Errorf("executed %s, %v; want %s", standing.Executed, err, tt.executed)
			}
			if got := strings.Join(standing.Unknown, "; "); !strings.Contains(got, tt.unknown) || (got == "") != (tt.unknown == "") {
				t.Errorf("unknown: %q, want %q", got, tt.unknown)
			}
			got, err := dumped(log, gtid.Set{})
			if !got.Equal(set(tt.whole)) {
				t.Errorf("whole: %s, want %s", got, tt.whole)
			}
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (!errors.Is(err, files.ErrIncomplete) || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("%v, want ErrIncomplete that says %q", err, tt.says)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func index(t *testing.T, dir string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "binlog.index"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestANewestFileThatCannotBeReadIsAnError(t *testing.T) {
	dir := three(t)
	change(t, filepath.Join(dir, "binlog.000003"), func(b []byte) []byte { b[0] = 0xfd; return b })
	if _, err := open(t, dir).Standing(); !errors.Is(err, files.ErrEncrypted) {
		t.Errorf("%v, want ErrEncrypted", err)
	}
}
