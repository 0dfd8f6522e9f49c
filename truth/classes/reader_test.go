package classes_test

import (
	"testing"

	"github.com/regentdb/regent/truth/classes"
	"github.com/regentdb/regent/truth/table"
	"github.com/regentdb/regent/truth/verbose"
)

// TestTheLedgerFillsTheRowThatIsNotExact: a row whose FLOAT is NULL is printed exactly, and counts all the same.
func TestTheLedgerFillsTheRowThatIsNotExact(t *testing.T) {
	description := verbose.Description{PrimaryKey: "id", Columns: []verbose.Column{{Name: "id", Type: "INT"}, {Name: "f", Type: "FLOAT"}}}
	shapes := &table.Table{Name: "shapes", PrimaryKey: []int{0}, Columns: []table.Column{{Name: "id", Type: "int"}, {Name: "f", Type: "float"}}}
	id := verbose.Value{Type: "INT", Text: "1", Wide: "1"}
	exactly := table.Row{{Text: "1"}, {Text: "0.30000001192092896"}}
	var asked []int
	reader := classes.Reader{
		Tables: map[string]*table.Table{"shapes": shapes},
		Fill: func(_, _ string, n int) (before, after table.Row, ok bool) {
			asked = append(asked, n)
			return nil, exactly, true
		},
	}
	tx, err := reader.Convert(verbose.Transaction{Rows: []verbose.Row{
		{Table: "shapes", Op: verbose.Delete, Description: description, Before: []verbose.Value{id, {Type: "FLOAT", Null: true}}},
		{Table: "shapes", Op: verbose.Insert, Description: description, After: []verbose.Value{id, {Type: "FLOAT", Text: "0.3", Wide: "0.3"}}},
	}})
	if err != nil || len(tx.Rows) != 2 || len(asked) != 1 || asked[0] != 1 {
		t.Fatalf("%+v, %v: asked for %v", tx, err, asked)
	}
	if tx.Rows[0].Before == nil || tx.Rows[0].After != nil || !table.Same(tx.Rows[1].After, exactly) {
		t.Errorf("%+v", tx.Rows)
	}
}
