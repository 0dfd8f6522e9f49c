package report_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// exports are the parts that are made of the lines.
func exports() map[string]func(w io.Writer, dir string, reveal bool) error {
	return map[string]func(io.Writer, string, bool) error{
		"ndjson": report.CopyTransactions, "page": report.WriteHTML,
		"entities": report.WriteEntitiesNDJSON, "entities as CSV": report.WriteEntitiesCSV,
		"SQL": func(w io.Writer, dir string, _ bool) error { return report.WriteSQL(w, dir) },
	}
}

func TestNoExportIsShorterThanItsSummary(t *testing.T) {
	lines := func(change func([]string) []string) func([]byte) []byte {
		return func(text []byte) []byte {
			return []byte(strings.Join(change(strings.SplitAfter(string(text), "\n")), ""))
		}
	}
	for name, damage := range map[string]func([]byte) []byte{
		"a line less":   lines(func(l []string) []string { return l[1:] }),
		"a line twice":  lines(func(l []string) []string { return append(l, l[0]) }),
		"empty":         func([]byte) []byte { return nil },
		"a torn line":   func(text []byte) []byte { return text[:len(text)-9] },
		"a torn value":  func(text []byte) []byte { return text[:bytes.Index(text, []byte("alert"))] },
		"no rows":       func(text []byte) []byte { return bytes.Replace(text, []byte(`"rows":[`), []byte(`"rows":7,"x":[`), 1) },
		"no JSON":       func(text []byte) []byte { return bytes.Replace(text, []byte(`"key":`), []byte(`"key"`), 1) },
		"another thing": func([]byte) []byte { return []byte("[]") },
	} {
		dir, _ := written(t, input())
		path := filepath.Join(dir, report.TransactionsName)
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, damage(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		for part, export := range exports() {
			err := export(io.Discard, dir, false)
			if err == nil || strings.Contains(err.Error(), "script") {
				t.Errorf("%s: %s: %v", name, part, err)
			}
			if strings.Contains(name, "line") && name != "a torn line" && !errors.Is(err, report.ErrDamaged) {
				t.Errorf("%s: %s: %v, want ErrDamaged", name, part, err)
			}
		}
	}
}

func TestWhatIsUndecodableIsShownWithItsRows(t *testing.T) {
	in := input()
	in.Transactions[3].Rows = in.Transactions[0].Rows[:1]
	dir, s := written(t, in)
	if s.Listed != 3 || s.Unreadable != 1 || s.Arithmetic.RowChanges != 5 || !s.Complete {
		t.Errorf("%+v", s)
	}
	for part, want := range map[string]int{"ndjson": 0, "page": 1, "entities": 1} {
		var out bytes.Buffer
		if err := exports()[part](&out, dir, false); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "OPAQUE"); part == "entities" && got != want {
			t.Errorf("%s: %d of class OPAQUE, want %d: %s", part, got, want, out.String())
		}
		if got := strings.Count(out.String(), `["incident"]`); part != "entities" && got != want {
			t.Errorf("%s: %d times undecodable, want %d", part, got, want)
		}
	}
}

// heap notes the largest heap while something is written.
type heap struct {
	written, next int
	largest       uint64
}

func (h *heap) Write(p []byte) (int, error) {
	const every = 8 << 20
	if h.written += len(p); h.written >= h.next {
		h.next = h.written + every
		h.measure()
	}
	return len(p), nil
}

func (h *heap) measure() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.largest = max(h.largest, m.HeapAlloc)
}

// TestNoTransactionIsTooLarge writes and reads one transaction many times larger than what may be held of it.
func TestNoTransactionIsTooLarge(t *testing.T) {
	const rows, limit = 5_000, 16 << 20 // 5,000 rows of 3 x 4 kB
	var before heap
	before.measure()
	one := gtid.GTID{UUID: uuid, Seq: 1}
	in := input()
	in.Manifest.Captured, in.OldOnly = gtid.Of(one), gtid.Of(one)
	logged, defined := table()
	dir := filepath.Join(t.TempDir(), "r1")
	w, err := report.Create(dir, in)
	if err == nil {
		err = w.Begin(classify.Transaction{GTID: one, CommittedAt: at(3), Class: classify.Safe, Reason: "untouched"})
	}
	if err != nil {
		t.Fatal(err)
	}
	var during heap
	for i := range rows {
		image := []decode.Value{decode.IntegerValue(int64(i)), {Kind: decode.Text, Text: strings.Repeat("x", 4000)}, decode.FloatValue(float64(i))}
		after := []decode.Value{image[0], image[1], decode.FloatValue(-1)}
		err := w.Row(classify.Row{
			Row:        decode.Row{Op: decode.Update, Table: logged, Before: image, After: after},
			Definition: defined, Key: image[:1], Class: classify.Safe, Reason: "untouched", Live: image,
		})
		if err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			during.measure()
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Finish(); err != nil || !s.Complete || s.Arithmetic.RowChanges != rows {
		t.Fatalf("%+v, %v", s, err)
	}
	parts := exports()
	delete(parts, "entities") // It holds the keys, as does the CSV.
	for part, export := range parts {
		if err := export(&during, dir, part == "ndjson"); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
	}
	if grown := int64(during.largest) - int64(before.largest); grown > limit {
		t.Errorf("%d MB held of one transaction of 60 MB", grown>>20)
	}
}
