package binlog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// workload is updates of rows, each from one version to the next, and the new primary that has the rows as they were.
type workload struct {
	// Bytes is how long the log is, about, Width how wide a row.
	Bytes        int64
	Transactions int
	Width        int
	// Keys is how many rows there are: beyond it the first is updated again.
	Keys int
}

func (w workload) text(version int) string {
	return string(append(slices.Repeat([]byte{'x'}, w.Width-8), fmt.Sprintf("%08d", version)...))
}

// row is the nth version of a row, as the log has it.
func (w workload) row(id, version int) []decode.Value {
	return []decode.Value{
		decode.IntegerValue(int64(id)), decode.IntegerValue(int64(id)), {Kind: decode.Text, Text: w.text(version)},
	}
}

func (w workload) Definition(context.Context, diff.Name) (*diff.Definition, error) {
	return &diff.Definition{
		Name: diff.Name{Schema: "shop", Table: "events"}, Engine: "InnoDB", Transactional: true, PrimaryKey: []int{0},
		Columns: []diff.Column{
			{Name: "id", Type: "int"},
			{Name: "n", Type: "int"},
			{Name: "v", Type: "varchar", Charset: "utf8mb4", Collation: "utf8mb4_0900_ai_ci"},
		},
		Unique: []diff.Unique{{Name: "n", Columns: []int{1}}},
	}, nil
}

// Rows has the rows as they were, but for some that drifted.
func (w workload) Rows(_ context.Context, _ *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	out := make([][]decode.Value, 0, len(keys))
	for _, key := range keys {
		id, err := strconv.Atoi(key[0].Text)
		if err != nil {
			return nil, err
		}
		const drifted = 7
		out = append(out, w.row(id, min(id%drifted, 1)-1))
	}
	return out, nil
}

func (w workload) Holders(_ context.Context, _ *diff.Definition, _ diff.Unique, images [][]decode.Value) ([][]decode.Value, error) {
	return make([][]decode.Value, len(images)), nil
}

func (w workload) Weights(context.Context, []diff.Text) ([]string, error) {
	return nil, errors.New("no key holds a text")
}

func (w workload) Count(_ context.Context, wanted []diff.Wanted) ([]int, error) {
	return make([]int, len(wanted)), nil
}

func (w workload) Last(context.Context, *diff.Definition, int) (uint64, error) { return 0, nil }

func (w workload) Close() error { return nil }

// image is a row in the bytes of the log.
func (w workload) image(id, version int) [][]byte {
	number := binary.LittleEndian.AppendUint32(nil, uint32(id))
	text := w.text(version)
	return [][]byte{number, number, append(binary.LittleEndian.AppendUint16(nil, uint16(len(text))), text...)}
}

// logged is the table as the log describes it.
func (w workload) logged() decodetest.Table {
	const utf8mb4 = 255
	return decodetest.Table{
		ID: 7, Schema: "shop", Name: "events", PrimaryKey: []int{0},
		Columns: []decodetest.Column{
			{Name: "id", Type: 3, Number: true},
			{Name: "n", Type: 3, Number: true},
			{Name: "v", Type: 15, Meta: []byte{0xff, 0xff}, String: true, Collation: utf8mb4},
		},
	}
}

// rows is how many row changes the log holds.
func (w workload) rows() int { return int(w.Bytes / int64(2*(w.Width+11))) }

// events are the row changes from one to before the other, a few in each event.
func (w workload) events(from, to int) iter.Seq[decodetest.Event] {
	return func(yield func(decodetest.Event) bool) {
		table := w.logged()
		if !yield(table.Map()) {
			return
		}
		const eventBytes = 8 << 10
		each := max(1, eventBytes/(2*w.Width))
		for first := from; first < to; first += each {
			var changes []decodetest.Change
			for i := first; i < min(first+each, to); i++ {
				id, version := i%w.Keys, i/w.Keys
				changes = append(changes, decodetest.Change{Before: w.image(id, version), After: w.image(id, version+1)})
			}
			if !yield(table.Update(nil, nil, changes...)) {
				return
			}
		}
	}
}

// write makes the capture of the old side, and the binary log of the new one.
func (h heavy) write(t *testing.T) {
	t.Helper()
	for _, dir := range []string{h.Dir, h.Fresh} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	filestest.New(1, 5).Transaction(100).Write(t, filepath.Join(h.Fresh, "binlog.000001"))
	out, err := os.Create(filepath.Join(h.Dir, "old.binlog"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	buffer := bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<20)
	_, err = buffer.Write(decodetest.Head())
	each := h.rows()/h.Transactions + 1
	for i := 0; i < h.Transactions && err == nil; i++ {
		err = decodetest.Stream(buffer, uint64(i+1), h.events(i*each, min((i+1)*each, h.rows())))
	}
	if err := errors.Join(err, buffer.Flush(), out.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	old := gtid.MustParse(fmt.Sprintf("%s:1-%d", decodetest.UUID, h.Transactions))
	common := gtid.MustParse(filestest.UUID + ":1-5")
	text, err := json.Marshal(Manifest{
		Common: common, Wanted: old, Captured: old, Complete: true,
		Servers: []capture.ServerCapture{{
			Server: "east-db1", Extra: old, Executed: old.Union(common), Wanted: old, Captured: old, Complete: true,
			Files: []capture.File{{
				Name: "old.binlog", Size: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil)), Transactions: h.Transactions,
			}},
		}},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(h.Dir, capture.ManifestName), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
