package classify

import (
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// overhead is about what a row takes beside its values, in bytes.
const overhead = 256

// keep keeps a row of the open transaction until the class of the transaction is known.
func (j *judge) keep(row judged) {
	if j.bytes <= j.hold && j.rest.Len() == 0 {
		for _, image := range [][]decode.Value{row.change.Row.Before, row.change.Row.After} {
			for _, v := range image {
				j.bytes += len(v.Text)
			}
		}
		for _, state := range row.change.States {
			j.bytes += state.Bytes()
		}
		j.bytes += overhead
		j.held = append(j.held, row)
		return
	}
	table := row.change.Row.Table
	place, known := j.places[table]
	if !known {
		place = len(j.tables)
		j.tables, j.places[table] = append(j.tables, table), place
	}
	r := j.record[:0].Int(place).Int(int(row.change.Row.Op)).Image(row.change.Row.Before).Image(row.change.Row.After)
	r = r.Int(int(row.class)).Text(row.reason).GTID(row.by).Int(len(row.change.States))
	for _, state := range row.change.States {
		r = r.Int(state.Number)
	}
	j.record = r
	j.rest.Append(r)
}

// kept reads back what keep wrote.
func (j *judge) kept(part string) (row judged) {
	r := diff.NewReader(part)
	row.change.Row = decode.Row{Table: j.tables[r.Int()], Op: decode.Op(r.Int()), Before: r.Image(), After: r.Image()}
	row.verdict = verdict{class: Class(r.Int()), reason: r.Text(), by: r.GTID()}
	for range r.Int() {
		row.change.States = append(row.change.States, j.d.State(r.Int()))
	}
	return row
}

// hand hands the open transaction on.
func (j *judge) hand(tx Transaction) error {
	if err := j.sink.Begin(tx); err != nil {
		return err
	}
	for _, row := range j.held {
		if err := j.sink.Row(j.row(row.change, row.verdict)); err != nil {
			return err
		}
		j.walk.Free(row.change)
	}
	for part := range j.rest.All() {
		row := j.kept(part)
		if err := j.d.Store().Err(); err != nil {
			return err
		}
		if err := j.sink.Row(j.row(row.change, row.verdict)); err != nil {
			return err
		}
	}
	return j.sink.End()
}
