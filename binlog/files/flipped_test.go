package files_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

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
