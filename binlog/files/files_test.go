package files_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

const uuid = filestest.UUID

// set is a set of the one server of these tests.
func set(spans string) gtid.Set {
	if spans == "" {
		return gtid.Set{}
	}
	return gtid.MustParse(uuid + ":" + spans)
}

// three is a log of nine transactions in three files.
func three(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"binlog.000001", "binlog.000002", "binlog.000003"} {
		f := filestest.New(1, i*3)
		for range 3 {
			f.Transaction(40)
		}
		if i < 2 {
			f.Rotate(fmt.Sprintf("binlog.%06d", i+2))
		}
		f.Write(t, filepath.Join(dir, name))
	}
	return dir
}

func open(t *testing.T, dir string) *files.Log {
	t.Helper()
	log, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// dumped returns what a dump hands out whole, read by the splitter of package decode, and its error.
func dumped(log *files.Log, exclude gtid.Set) (gtid.Set, error) {
	var splitter decode.Splitter
	var whole []gtid.GTID
	err := log.Dump(context.Background(), exclude, filestest.Whole(func(e decode.Event) error {
		part, err := splitter.Add(e)
		if err == nil && part.Last {
			whole = append(whole, part.Tx.GTID)
		}
		return err
	}))
	return gtid.Of(whole...), errors.Join(err, splitter.Close())
}

func TestALogIsReadFromWhereItLeavesTheCommonSet(t *testing.T) {
	log := open(t, three(t))
	standing, err := log.Standing()
	if err != nil || !standing.Executed.Equal(set("1-9")) || !standing.Purged.IsEmpty() || len(standing.Unknown) > 0 {
		t.Fatalf("%+v, %v", standing, err)
	}
	for _, tt := range []struct{ common, first, file string }{
		{"", "1", "binlog.000001"},
		{"1-2", "3", "binlog.000001"},
		{"1-3", "4", "binlog.000002"},
		{"1-7", "8", "binlog.000003"},
		{"1-4:6-9", "5", "binlog.000002"},
		{"1-9", "", "binlog.000003"},
	} {
		place, err := log.Locate(set(tt.common))
		if err != nil || place.File != tt.file || tt.first != "" && place.First.String() != uuid+":"+tt.first {
			t.Errorf("outside %s: %+v, %v", tt.common, place, err)
		}
		got, err := dumped(log, set(tt.common))
		if want := set("1-9").Subtract(set(tt.common)); err != nil || !got.Equal(want) {
			t.Errorf("dump without %s: %s, %v; want %s", tt.common, got, err, want)
		}
	}
}

func TestTaggedTransactionsAndTaggedListsAreRead(t *testing.T) {
	log, err := os.ReadFile(filepath.Join("..", "decode", "testdata", "types.binlog"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "binlog.000001"), log, 0o600); err != nil {
		t.Fatal(err)
	}
	var want []gtid.GTID
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, tx.GTID)
	}
	got, err := dumped(open(t, dir), gtid.Set{})
	if err != nil || !got.Equal(gtid.Of(want...)) {
		t.Errorf("%s, %v; want %s", got, err, gtid.Of(want...))
	}
	before := gtid.MustParse(uuid + ":1-5:7:blue:1-3:red:9, 00000000-0000-0000-0000-000000000002:green:4-6")
	filestest.NewAfter(1, before).Transaction(3).Write(t, filepath.Join(dir, "binlog.000001"))
	if got := open(t, dir).Files[0].Previous; !got.Equal(before) {
		t.Errorf("logged before: %s, want %s", got, before)
	}
}

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

func TestWhatIsNoSequenceIsRefused(t *testing.T) {
	rename := func(t *testing.T, dir, from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  error
		says  string
	}{
		"two files renamed": {func(t *testing.T, dir string) {
			rename(t, dir, "binlog.000003", "x")
			rename(t, dir, "binlog.000002", "binlog.000003")
			rename(t, dir, "x", "binlog.000002")
		}, files.ErrOrder, "binlog.000002"},
		"an index in another order": {func(t *testing.T, dir string) {
			index(t, dir, "binlog.000003", "binlog.000001", "binlog.000002")
		}, files.ErrOrder, "binlog.000003"},
		"a file of another server": {func(t *testing.T, dir string) {
			filestest.New(2, 8).Transaction(3).Write(t, filepath.Join(dir, "binlog.000004"))
		}, files.ErrServer, "server_id 1"},
		"no log at all": {func(t *testing.T, dir string) {
			for i := range 3 {
				remove(t, filepath.Join(dir, fmt.Sprintf("binlog.%06d", i+1)))
			}
		}, files.ErrNoLog, "binlog.000001"},
		"two logs": {func(t *testing.T, dir string) {
			filestest.New(1, 0).Write(t, filepath.Join(dir, "other.000001"))
		}, nil, "several logs (binlog, other)"},
		"an index that lists a file twice": {func(t *testing.T, dir string) {
			index(t, dir, "binlog.000001", "binlog.000001")
		}, files.ErrNoLog, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := three(t)
			tt.spoil(t, dir)
			_, err := files.Open(dir)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestANewestFileThatCannotBeReadIsAnError(t *testing.T) {
	dir := three(t)
	change(t, filepath.Join(dir, "binlog.000003"), func(b []byte) []byte { b[0] = 0xfd; return b })
	if _, err := open(t, dir).Standing(); !errors.Is(err, files.ErrEncrypted) {
		t.Errorf("%v, want ErrEncrypted", err)
	}
}

func TestARelayLogGivesATransactionThatWasFetchedAgainOnce(t *testing.T) {
	dir := three(t)
	f := filestest.NewRelay(7, 0)
	f.Transaction(20)
	f.Torn(20)
	f.Format(1)
	f.Transaction(20)
	f.Write(t, filepath.Join(dir, "relay-bin.000001"))
	own := open(t, dir) // The server's own log comes first.
	if len(own.Files) != 3 {
		t.Fatalf("%d files", len(own.Files))
	}
	index := filepath.Join(dir, "relay-bin.index")
	if err := os.WriteFile(index, []byte("./relay-bin.000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := dumped(open(t, index), gtid.Set{})
	if err != nil || !got.Equal(set("1-2")) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestACopyOfAServerGoesOnUnderAnotherServerID(t *testing.T) {
	dir := three(t)
	filestest.New(2, 9).Transaction(3).Write(t, filepath.Join(dir, "binlog.000004"))
	got, err := dumped(open(t, dir), set("1-2"))
	if err != nil || !got.Equal(set("3-10")) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestARelayLogCountsWhatTheReplicaExecuted(t *testing.T) {
	dir := three(t)
	filestest.NewRelay(7, 0).After(9).Transaction(20).Write(t, filepath.Join(dir, "relay-bin.000001"))
	index := filepath.Join(dir, "relay-bin.index")
	if err := os.WriteFile(index, []byte("./relay-bin.000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	standing, err := open(t, index).Standing()
	if err != nil || !standing.Executed.Equal(set("1-10")) {
		t.Errorf("%s, %v", standing.Executed, err)
	}
}

func TestTheServersOwnUUIDIsRead(t *testing.T) {
	dir := three(t)
	standing, err := open(t, dir).Standing()
	if err != nil || standing.UUID != "" || len(standing.Own) != 1 || standing.Own[0] != uuid {
		t.Errorf("%+v, %v", standing, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "auto.cnf"), []byte("[auto]\nserver-uuid="+strings.ToUpper(uuid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if standing, err := open(t, dir).Standing(); err != nil || standing.UUID != uuid {
		t.Errorf("%+v, %v", standing, err)
	}
}

// TestAnyFlippedBitIsNoticedOrHarmless flips bits all over a file: nothing may come out that differs from what went in.
func TestAnyFlippedBitIsNoticedOrHarmless(t *testing.T) {
	path := filepath.Join(three(t), "binlog.000002")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range sound {
		changed := bytes.Clone(sound)
		changed[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := files.Open(filepath.Dir(path))
		if err != nil {
			continue
		}
		got, err := dumped(log, gtid.Set{})
		if err == nil && !got.Equal(set("1-9")) {
			t.Fatalf("bit flipped at %d: %s without an error", at, got)
		}
		if !set("1-9").Contains(got) {
			t.Fatalf("bit flipped at %d: invented %s", at, got.Subtract(set("1-9")))
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(decode.Magic))
	whole := filestest.New(1, 0)
	whole.Transaction(3)
	whole.Rotate("binlog.000002")
	f.Add(whole.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		for _, sealed := range []bool{false, true} {
			if sealed {
				reseal(content)
			}
			if err := os.WriteFile(filepath.Join(dir, "binlog.000001"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			log, err := files.Open(dir)
			if err != nil {
				continue
			}
			standing, err := log.Standing()
			if err != nil {
				continue
			}
			if got, _ := dumped(log, gtid.Set{}); !standing.Executed.Contains(got) {
				t.Fatalf("%s came out of a log of %s", got, standing.Executed)
			}
		}
	})
}

// reseal makes the checksums right again, as far as events can be told apart.
func reseal(log []byte) {
	rest := log[min(len(log), len(decode.Magic)):]
	for len(rest) >= 23 {
		size := int64(binary.LittleEndian.Uint32(rest[9:]))
		if size < 23 || size > int64(len(rest)) {
			return
		}
		binary.LittleEndian.PutUint32(rest[size-4:], crc32.ChecksumIEEE(rest[:size-4]))
		rest = rest[size:]
	}
}
