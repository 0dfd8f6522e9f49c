package live

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
)

// Hazards are what may make a change of a table do more than the change itself.
type Hazards struct {
	// Triggers are the names of the triggers by what fires them.
	Triggers map[decode.Op][]string
	Cascades []Cascade
}

// Cascade is a foreign key by which changes of a parent row change children.
type Cascade struct {
	Name string
	// OnDelete and OnUpdate say what fires it.
	OnDelete, OnUpdate bool
	// Columns are those of the parent that children refer to.
	Columns []string
}

// Fired names the triggers that an operation fires; empty where there are none.
func (h *Hazards) Fired(op decode.Op) string { return strings.Join(h.Triggers[op], ", ") }

// Cascading names the foreign key by which a change of a row changes children; empty where none does.
func (h *Hazards) Cascading(d *diff.Definition, op decode.Op, before, after []decode.Value) string {
	for _, c := range h.Cascades {
		if op == decode.Delete && c.OnDelete || op == decode.Update && c.OnUpdate && c.moves(d, before, after) {
			return c.Name
		}
	}
	return ""
}

func (c *Cascade) moves(d *diff.Definition, before, after []decode.Value) bool {
	for _, name := range c.Columns {
		if i := d.Column(name); i < 0 || before[i] != after[i] {
			return true
		}
	}
	return false
}

// Hazards reads the triggers of a table, and the foreign keys of which it is the parent.
func (s *Session) Hazards(ctx context.Context, name diff.Name) (*Hazards, error) {
	h := &Hazards{Triggers: make(map[decode.Op][]string)}
	err := s.reader.query(ctx, "SELECT TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS"+
		where("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", name)+" ORDER BY 1", func(rows *sql.Rows) error {
		var trigger, event string
		err := rows.Scan(&trigger, &event)
		op := map[string]decode.Op{"INSERT": decode.Insert, "UPDATE": decode.Update, "DELETE": decode.Delete}[event]
		h.Triggers[op] = append(h.Triggers[op], trigger)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("live: %s: triggers of %s: %w", s.Server, name, err)
	}
	err = s.reader.query(ctx, "SELECT r.CONSTRAINT_NAME, r.DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT'), "+
		"r.UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT'), GROUP_CONCAT(k.REFERENCED_COLUMN_NAME ORDER BY k.ORDINAL_POSITION) "+
		"FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k "+
		"ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME"+
		where("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME", name)+" GROUP BY 1, 2, 3 ORDER BY 1", func(rows *sql.Rows) error {
		var c Cascade
		var columns string
		err := rows.Scan(&c.Name, &c.OnDelete, &c.OnUpdate, &columns)
		c.Columns = strings.Split(columns, ",")
		if c.OnDelete || c.OnUpdate {
			h.Cascades = append(h.Cascades, c)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("live: %s: foreign keys of %s: %w", s.Server, name, err)
	}
	return h, nil
}
