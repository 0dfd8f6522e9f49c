package decode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/decode"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// fixture is the log of a MySQL 9.7.4 that testdata/types.sql was run on.
func fixture(t testing.TB) []byte {
	t.Helper()
	log, err := os.ReadFile(filepath.Join("testdata", "types.binlog"))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// transcript prints everything that was decoded.
func transcript(log []byte) (string, error) {
	var out strings.Builder
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			return out.String(), err
		}
		fmt.Fprintf(&out, "%s %s %d bytes\n", tx.GTID, tx.CommittedAt.Format(time.RFC3339Nano), tx.Size)
		fmt.Fprintf(&out, "  opaque %q undecodable %q\n", tx.Opaque, tx.Undecodable)
		for _, s := range tx.Statements {
			fmt.Fprintf(&out, "  statement in %q: %q\n", s.Schema, s.Text)
		}
		for _, row := range tx.Rows {
			fmt.Fprintf(&out, "  %s %s.%s key %v\n", row.Op, row.Table.Schema, row.Table.Name, row.Table.PrimaryKey)
			for i, c := range row.Table.Columns {
				fmt.Fprintf(&out, "    %-4s %-9s %s -> %s\n", c.Name, c.Family, shown(row.Before, i), shown(row.After, i))
			}
		}
	}
	return out.String(), nil
}

func shown(image []decode.Value, i int) string {
	switch {
	case image == nil:
		return "none"
	case image[i].Kind == decode.Absent:
		return "absent"
	case image[i].Kind == decode.Null:
		return "NULL"
	}
	return fmt.Sprintf("%q", image[i].Text)
}

func TestEveryTypeOfARealServer(t *testing.T) {
	got, err := transcript(fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "types.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestATornLogIsAnErrorWhereverItIsTorn(t *testing.T) {
	log := fixture(t)
	ends := transactionEnds(t, log)
	for n := 0; n <= len(log); n += 1 + n%11 { // All of them take seconds.
		_, err := transcript(log[:n])
		if whole := ends[n]; whole != (err == nil) {
			t.Fatalf("torn at %d of %d: %v, an end of a transaction: %v", n, len(log), err, whole)
		}
		if err != nil && !errors.Is(err, decode.ErrCorrupt) {
			t.Fatalf("torn at %d: %v does not wrap ErrCorrupt", n, err)
		}
	}
}

// transactionEnds returns the offsets where a log may end: after any event that is not inside a transaction.
func transactionEnds(t testing.TB, log []byte) map[int]bool {
	t.Helper()
	ends, offset := map[int]bool{len(decode.Magic): true}, len(decode.Magic)
	var splitter decode.Splitter
	for _, e := range eventsOf(t, log) {
		offset += len(e)
		part, err := splitter.Add(e)
		if err != nil {
			t.Fatal(err)
		}
		ends[offset] = part.Tx == nil || part.Last
	}
	return ends
}

// eventsOf cuts a log into its events.
func eventsOf(t testing.TB, log []byte) []decode.Event {
	t.Helper()
	var out []decode.Event
	for rest := log[len(decode.Magic):]; len(rest) > 0; {
		size := min(int(binary.LittleEndian.Uint32(rest[9:])), len(rest))
		e, err := decode.ParseEvent(rest[:size])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
		rest = rest[size:]
	}
	return out
}

func TestAFlippedBitIsNoticed(t *testing.T) {
	log := fixture(t)
	for at := 0; at < len(log); at += 7 {
		changed := bytes.Clone(log)
		changed[at] ^= 0x10
		if _, err := transcript(changed); !errors.Is(err, decode.ErrCorrupt) {
			t.Fatalf("bit flipped at %d: %v", at, err)
		}
	}
}

func TestErrorsRepeatNoData(t *testing.T) {
	log := bytes.ReplaceAll(fixture(t), []byte("Abc"), []byte("SEC"))
	reseal(log)
	for at := 0; at < len(log); at += 31 {
		changed := bytes.Clone(log)
		changed[at] ^= 0x40
		reseal(changed)
		if _, err := transcript(changed); err != nil && strings.Contains(err.Error(), "SEC") {
			t.Fatalf("changed at %d: %v", at, err)
		}
	}
}

// reseal makes the checksums right again, as far as events can be told apart.
func reseal(log []byte) {
	rest := log[min(len(log), len(decode.Magic)):]
	for len(rest) >= 19 {
		size := int64(binary.LittleEndian.Uint32(rest[9:]))
		if size < 23 || size > int64(len(rest)) {
			return
		}
		e := rest[:size]
		binary.LittleEndian.PutUint32(e[size-4:], crc32.ChecksumIEEE(e[:size-4]))
		rest = rest[size:]
	}
}

func TestAFailingReaderIsNoCorruption(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(bytes.NewReader(fixture(t)[:500]), failing{broken})
	for _, err := range decode.Transactions(r) {
		if err != nil && (!errors.Is(err, broken) || errors.Is(err, decode.ErrCorrupt)) {
			t.Errorf("got %v, want the reader's own error", err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzTransactions(f *testing.F) {
	f.Add([]byte(decode.Magic))
	for _, seed := range oneByOne(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		read(t, log)
		sealed := bytes.Clone(log)
		reseal(sealed)
		read(t, sealed)
	})
}

// oneByOne returns a log of its own for each transaction of the fixture, so that a changed byte is near what matters.
func oneByOne(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	var head []byte
	var splitter decode.Splitter
	for _, e := range eventsOf(t, fixture(t)) {
		part, err := splitter.Add(e)
		switch {
		case err != nil:
			t.Fatal(err)
		case e.IsFormat():
			head = append([]byte(decode.Magic), e...)
		case part.First:
			out = append(out, append(bytes.Clone(head), e...))
		case part.Tx != nil:
			out[len(out)-1] = append(out[len(out)-1], e...)
		}
	}
	return out
}

// read decodes a log to its end and checks what holds for any bytes.
func read(t *testing.T, log []byte) {
	t.Helper()
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			if !errors.Is(err, decode.ErrCorrupt) {
				t.Fatalf("undocumented error %v", err)
			}
			return
		}
		for _, row := range tx.Rows {
			if (row.Op == decode.Insert) != (row.Before == nil) || (row.Op == decode.Delete) != (row.After == nil) {
				t.Fatalf("%s with before %v and after %v", row.Op, row.Before, row.After)
			}
			for _, image := range [][]decode.Value{row.Before, row.After} {
				if image != nil && len(image) != len(row.Table.Columns) {
					t.Fatalf("an image of %d columns for a table of %d", len(image), len(row.Table.Columns))
				}
			}
		}
	}
}
