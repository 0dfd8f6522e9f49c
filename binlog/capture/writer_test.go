package capture

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// feed gives a writer the events of a log, and long ones from a reader.
func feed(w *writer, log []byte, long int) error {
	in := log[len(decode.Magic):]
	for len(in) > 0 {
		head := decode.Event(in[:eventHeader])
		raw := in[:head.Size()]
		in = in[len(raw):]
		var err error
		if len(raw) < long {
			err = w.Add(bytes.Clone(raw))
		} else {
			err = w.AddFrom(head, bytes.NewReader(raw))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// longLog has a compressed transaction of some megabytes between two short ones.
func longLog() []byte {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // It only has to resist compression.
	noise := make([]byte, 8<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	short := decodetest.Query("", "INSERT INTO t VALUES (1)")
	log := append(decodetest.Head(), decodetest.Transaction(1, short)...)
	log = append(log, decodetest.Compressed(2, decodetest.Query("", string(noise)))...)
	return append(log, decodetest.Transaction(3, short)...)
}

// TestALongEventIsCopiedWithoutBeingHeld compares the file with the log, and counts what was allocated.
func TestALongEventIsCopiedWithoutBeingHeld(t *testing.T) {
	log := longLog()
	path := filepath.Join(t.TempDir(), "c.000001")
	w, err := newWriter(path, gtid.MustParse(decodetest.UUID+":1-3"))
	if err != nil {
		t.Fatal(err)
	}
	before := totalAllocated()
	if err := feed(w, log, 1<<20); !errors.Is(err, errEnough) {
		t.Fatalf("%v, want errEnough", err)
	}
	const enough = 1 << 20
	if used := totalAllocated() - before; used > enough {
		t.Errorf("%d bytes were allocated, %d at most are needed", used, enough)
	}
	if f, err := w.settle(); err != nil || f.Transactions != 3 {
		t.Fatalf("%+v, %v", f, err)
	}
	if got, err := os.ReadFile(durable.Partial(path)); err != nil || !bytes.Equal(got, log) {
		t.Errorf("the file has %d bytes and the log %d, or they differ; %v", len(got), len(log), err)
	}
}

// TestALongEventThatIsDamagedIsNotCaptured flips a bit in it, cuts it off, and leaves a transaction out that nobody wants.
func TestALongEventThatIsDamagedIsNotCaptured(t *testing.T) {
	log := longLog()
	flipped := bytes.Clone(log)
	flipped[len(log)/2] ^= 4
	unwanted, err := newWriter(filepath.Join(t.TempDir(), "c.000001"), gtid.MustParse(decodetest.UUID+":1:3"))
	if err == nil {
		err = feed(unwanted, log, 1<<20)
	}
	if f, settled := unwanted.settle(); !errors.Is(err, errEnough) || settled != nil || f.Transactions != 2 || f.Size > 1<<20 {
		t.Errorf("without the long one: %+v, %v, %v", f, err, settled)
	}
	damaged, err := newWriter(filepath.Join(t.TempDir(), "c.000001"), gtid.MustParse(decodetest.UUID+":1-3"))
	if err == nil {
		err = feed(damaged, flipped, 1<<20)
	}
	if f, settled := damaged.settle(); !errors.Is(err, decode.ErrCorrupt) || settled != nil || f.Transactions != 1 || f.Size > 1<<20 {
		t.Errorf("damaged: %+v, %v, %v", f, err, settled)
	}
	torn, err := newWriter(filepath.Join(t.TempDir(), "c.000001"), gtid.MustParse(decodetest.UUID+":1-3"))
	if err != nil {
		t.Fatal(err)
	}
	var place int
	for in := log[len(decode.Magic):]; ; in = in[decode.Event(in).Size():] {
		if head := decode.Event(in); head.Size() > 1<<20 {
			err = torn.AddFrom(head[:eventHeader], bytes.NewReader(in[:head.Size()/2]))
			break
		}
		if err := torn.Add(bytes.Clone(in[:decode.Event(in).Size()])); err != nil {
			t.Fatal(err)
		}
		place++
	}
	if f, settled := torn.settle(); !errors.Is(err, io.EOF) || settled != nil || f.Transactions != 1 || place == 0 {
		t.Errorf("torn: %+v, %v, %v", f, err, settled)
	}
}
