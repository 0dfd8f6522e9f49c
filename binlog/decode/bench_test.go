package decode_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// shapes are the logs that speed is measured on, each of about 32 MiB before compression.
func shapes() map[string][]byte {
	narrow, wide := narrowTable(), wideTable()
	const size = 32 << 20
	grow := func(one func(seq uint64) []byte, until int) []byte {
		log := decodetest.Head()
		for seq := uint64(1); len(log) < until; seq++ {
			log = append(log, one(seq)...)
		}
		return log
	}
	return map[string][]byte{
		"narrow": grow(func(seq uint64) []byte {
			return decodetest.Transaction(seq, narrow.Map(), narrow.Insert(narrowRows(seq, 400)...), narrow.Map(), narrow.Insert(narrowRows(seq, 400)...))
		}, size),
		"wide": grow(func(seq uint64) []byte {
			return decodetest.Transaction(seq, wide.Map(), wide.Update(nil, nil, wideRows(seq, 8)...))
		}, size),
		"small": grow(func(seq uint64) []byte {
			return decodetest.Transaction(seq, narrow.Map(), narrow.Insert(narrowRows(seq, 1)...))
		}, size),
		"compressed": grow(func(seq uint64) []byte {
			return decodetest.Compressed(seq, narrow.Map(), narrow.Insert(narrowRows(seq, 400)...), wide.Map(), wide.Update(nil, nil, wideRows(seq, 8)...))
		}, size/4),
	}
}

func integer(name string, code byte) decodetest.Column {
	return decodetest.Column{Name: name, Type: code, Number: true}
}

func varchar(name string, length uint16) decodetest.Column {
	return decodetest.Column{
		Name: name, Type: 15, Meta: binary.LittleEndian.AppendUint16(nil, length), String: true, Collation: 255,
	}
}

// scramble makes numbers that look random, and word text that compresses about as well as names do.
func scramble(n uint64) uint64 { return (n + 1) * 0x9e3779b97f4a7c15 >> 13 }

func word(n uint64, length int) string {
	out := make([]byte, 0, length)
	for bits := scramble(n); len(out) < length; bits = scramble(bits) {
		out = append(out, "etaoinsrhldcumfpgwybvkxjqz      "[bits%32])
	}
	return string(out)
}

func narrowTable() decodetest.Table {
	return decodetest.Table{
		ID: 101, Schema: "shop", Name: "orders", PrimaryKey: []int{0},
		Columns: []decodetest.Column{
			integer("id", 8), integer("customer", 3), integer("state", 1),
			{Name: "placed", Type: 18, Meta: []byte{0}},
			varchar("note", 80),
		},
	}
}

func narrowRows(seq uint64, n int) []decodetest.Image {
	var out []decodetest.Image
	for i := range n {
		id := seq*1000 + uint64(i)
		note := fmt.Sprintf("order %d", id)
		out = append(out, decodetest.Image{
			binary.LittleEndian.AppendUint64(nil, id), binary.LittleEndian.AppendUint32(nil, uint32(id*7)),
			{byte(id)},
			datetime(id), append([]byte{byte(len(note))}, note...),
		})
	}
	return out
}

// datetime is a DATETIME in October 2018.
func datetime(n uint64) []byte {
	packed := 0x8000000000 | (2018*13+10)<<22 | (1+n%28)<<17 | (n%24)<<12 | (n%60)<<6 | n%60
	return binary.BigEndian.AppendUint64(nil, packed)[3:]
}

func wideTable() decodetest.Table {
	t := decodetest.Table{ID: 102, Schema: "shop", Name: "events", PrimaryKey: []int{0}}
	t.Columns = append(t.Columns, integer("id", 8))
	for i := range 6 {
		t.Columns = append(t.Columns, integer(fmt.Sprintf("n%d", i), 3), varchar(fmt.Sprintf("v%d", i), 400),
			decodetest.Column{Name: fmt.Sprintf("t%d", i), Type: 18, Meta: []byte{0}},
			decodetest.Column{Name: fmt.Sprintf("d%d", i), Type: 246, Meta: []byte{10, 2}, Number: true})
	}
	for i := range 3 {
		t.Columns = append(t.Columns, decodetest.Column{Name: fmt.Sprintf("j%d", i), Type: 245, Meta: []byte{4}})
	}
	return t
}

func wideRows(seq uint64, n int) []decodetest.Change {
	var out []decodetest.Change
	for i := range n {
		id := seq*1000 + uint64(i)
		out = append(out, decodetest.Change{Before: wideRow(id, 1), After: wideRow(id, 2)})
	}
	return out
}

func wideRow(id uint64, version int32) decodetest.Image {
	row := decodetest.Image{binary.LittleEndian.AppendUint64(nil, id)}
	for i := range uint64(6) {
		text := word(id+i, 50)
		row = append(row, binary.LittleEndian.AppendUint32(nil, uint32(scramble(id+i)>>20)),
			append(binary.LittleEndian.AppendUint16(nil, uint16(len(text))), text...), datetime(id+i),
			[]byte{0x80, 0, byte(id >> 8), byte(id), 42})
	}
	for i := range 3 {
		document := decodetest.Document(map[string]any{
			"id": id, "version": version, "place": int32(i), "price": float64(id) / 100, "name": word(id*7, 24),
			"tags":  []any{"new", "paid", int16(7), true, nil},
			"inner": map[string]any{"street": word(id*11, 16), "zip": strconv.FormatUint(scramble(id)%100000, 10), "at": 52.25, "on": int32(1 << 20)},
		}, false)
		row = append(row, append(binary.LittleEndian.AppendUint32(nil, uint32(len(document))), document...))
	}
	return row
}

// locator does what finding the rows that both sides touched takes: the key of each row and a hash of its images.
type locator struct {
	seed maphash.Seed
	sum  uint64
	rows int
}

func (l *locator) Begin(*decode.Transaction) error                       { return nil }
func (l *locator) Statement(*decode.Transaction, decode.Statement) error { return nil }
func (l *locator) End(*decode.Transaction) error                         { return nil }

func (l *locator) Row(_ *decode.Transaction, c *decode.Change) error {
	l.rows++
	for _, image := range []*decode.Image{c.Before, c.After} {
		if image != nil {
			for _, column := range c.Table.PrimaryKey {
				_, raw := image.Raw(column)
				l.sum ^= maphash.Bytes(l.seed, raw)
			}
			l.sum ^= maphash.Bytes(l.seed, image.Bytes())
		}
	}
	return nil
}

// reader makes every value and keeps none.
type reader struct {
	locator
	values int
}

func (r *reader) Row(_ *decode.Transaction, c *decode.Change) error {
	r.rows++
	for _, image := range []*decode.Image{c.Before, c.After} {
		if image != nil {
			values, err := image.Values()
			if err != nil {
				return err
			}
			r.values += len(values)
		}
	}
	return nil
}

// BenchmarkScan compares the lazy scan and the full decode with the library's full decode, per byte of file.
func BenchmarkScan(b *testing.B) {
	logs := shapes()
	for _, shape := range []string{"narrow", "wide", "small", "compressed"} {
		log := logs[shape]
		measure := func(name string, scan func() error) {
			b.Run(shape+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(log)))
				b.ReportAllocs()
				for b.Loop() {
					if err := scan(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		measure("lazy", func() error {
			return decode.Scan(bytes.NewReader(log), &locator{seed: maphash.MakeSeed()})
		})
		measure("full", func() error {
			return decode.Scan(bytes.NewReader(log), &reader{})
		})
		measure("library", func() error { return libraryScan(log) })
	}
}

// libraryScan decodes a log as a whole with go-mysql.
func libraryScan(log []byte) error {
	parser := replication.NewBinlogParser()
	parser.SetVerifyChecksum(true)
	parser.SetTimestampStringLocation(time.UTC)
	parser.SetRenderJSONAsMySQLText(true)
	return parser.ParseReader(bytes.NewReader(log[len(decode.Magic):]), func(*replication.BinlogEvent) error { return nil })
}

// TestMemoryDoesNotGrowWithATransaction reads transactions of half a gigabyte.
func TestMemoryDoesNotGrowWithATransaction(t *testing.T) {
	narrow := narrowTable()
	event := narrow.Insert(narrowRows(1, 2000)...)
	times := 512 << 20 / len(event.Body)
	for name, transaction := range map[string]io.Reader{
		"plain":      decodetest.Long(1, times, narrow.Map(), event),
		"compressed": bytes.NewReader(decodetest.LongCompressed(1, times, narrow.Map(), event)),
	} {
		t.Run(name, func(t *testing.T) {
			var l locator
			l.seed = maphash.MakeSeed()
			before := totalAllocated()
			if err := decode.Scan(io.MultiReader(bytes.NewReader(decodetest.Head()), transaction), &l); err != nil {
				t.Fatal(err)
			}
			if l.rows != 2000*times {
				t.Errorf("%d rows, want %d", l.rows, 2000*times)
			}
			const enough = 32 << 20
			if used := totalAllocated() - before; used > enough {
				t.Errorf("%d bytes were allocated over the whole scan, %d at most are needed", used, enough)
			}
		})
	}
}

// totalAllocated is how many bytes the process has ever allocated.
func totalAllocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
