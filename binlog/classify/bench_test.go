package classify_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/spill"
	"github.com/regentdb/regent/gtid"
)

// absent is a new primary without a row, so that a benchmark measures the rules and not a model.
type absent struct{}

func (absent) Rows(_ context.Context, _ *diff.Definition, keys [][]decode.Value) ([][]decode.Value, error) {
	return make([][]decode.Value, len(keys)), nil
}

func (absent) Holders(_ context.Context, _ *diff.Definition, _ diff.Unique, images [][]decode.Value) ([][]decode.Value, error) {
	return make([][]decode.Value, len(images)), nil
}

func (absent) Weights(_ context.Context, texts []diff.Text) ([]string, error) {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		out = append(out, text.Bytes)
	}
	return out, nil
}

func (absent) Count(_ context.Context, wanted []diff.Wanted) ([]int, error) {
	return make([]int, len(wanted)), nil
}

func (absent) Last(context.Context, *diff.Definition, int) (uint64, error) { return 0, nil }

// BenchmarkInserts classifies a hundred thousand transactions of one customer and one order each, with keys of all
// kinds, and reports the time per row change.
func BenchmarkInserts(b *testing.B) {
	const transactions = 100_000
	tables := shop()
	var old []*decode.Transaction
	for i := range transactions {
		n := strconv.Itoa(i + 1)
		old = append(old, script{"customers >" + n + ",é" + n + ",x; orders >" + n + "," + n + ",é" + n + "," + n}.transactions(oldUUID)...)
		old[i].GTID.Seq = uint64(i + 1)
	}
	for b.Loop() {
		space, err := spill.Open(b.TempDir(), 64<<20)
		if err != nil {
			b.Fatal(err)
		}
		all, err := classified(b.Context(), diff.New(newModel(tables...).tables, gtid.Set{}, space), old, nil, absent{}, 1<<20)
		if err := errors.Join(err, space.Close()); err != nil {
			b.Fatal(err)
		}
		for _, tx := range all {
			if tx.Class != classify.Safe {
				b.Fatal(tx.Class, tx.Reason)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*transactions), "ns/row")
}
