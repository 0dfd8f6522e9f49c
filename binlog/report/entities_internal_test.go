package report

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// TestPartedEntitiesAreTheSame: what does not fit into memory gives the same rows by way of files.
func TestPartedEntitiesAreTheSame(t *testing.T) {
	const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	each := func(take func(Entity) error) error {
		for i := range 3000 {
			at := time.Unix(int64(i), 0).UTC()
			err := take(Entity{
				Class: classify.Noop + classify.Class(i%7), TransactionClass: classify.Noop + classify.Class(i%5), Schema: "s", Table: "t",
				Key:          Image{{Column: "id", Value: fmt.Append(nil, i%700)}},
				Acknowledged: []string{toldYes, toldNo, toldUnknown}[i%3], Changes: 1, First: at, Last: at,
				LastGTID: gtid.GTID{UUID: uuid, Seq: uint64(i + 1)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	gather := func(collect func(func(Entity) error) error) []Entity {
		var all []Entity
		if err := collect(func(e Entity) error { all = append(all, e); return nil }); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b Entity) int { return a.First.Compare(b.First) })
		return all
	}
	dir := t.TempDir()
	whole := gather(func(yield func(Entity) error) error { return collect(each, yield) })
	parts := gather(func(yield func(Entity) error) error { return parted(dir, 7, each, yield) })
	if diff := cmp.Diff(whole, parts); diff != "" || len(whole) != 700 {
		t.Errorf("%d rows (-whole +parted)\n%s", len(whole), diff)
	}
}
