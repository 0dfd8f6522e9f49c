package binlog_test

import (
	"errors"
	"testing"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/gtid"
)

const (
	a = "00000000-0000-0000-0000-00000000000a"
	b = "00000000-0000-0000-0000-00000000000b"
)

func standing(uuid, executed, purged string) binlog.Standing {
	return binlog.Standing{UUID: uuid, Executed: gtid.MustParse(executed), Purged: gtid.MustParse(purged)}
}

func TestRelated(t *testing.T) {
	for name, tt := range map[string]struct {
		old, fresh binlog.Standing
		want       error
	}{
		"one cluster":      {standing(a, a+":1-5", ""), standing(b, a+":1-4", ""), nil},
		"files of unknown": {standing("", a+":1-5", ""), standing("", a+":1-4", ""), nil},
		"two clusters":     {standing(a, a+":1-5", ""), standing(b, b+":1-5", ""), binlog.ErrUnrelated},
		"nothing":          {standing(a, "", ""), standing(b, b+":1-5", ""), binlog.ErrUnrelated},
		"one server":       {standing(a, a+":1-5", ""), standing(a, a+":1-5", ""), binlog.ErrSame},
	} {
		if err := binlog.Related(tt.old, tt.fresh); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestUnlogged(t *testing.T) {
	for name, tt := range map[string]struct{ known, executed, purged, want string }{
		"all logged":               {a + ":1-9", a + ":1-5," + b + ":1-3", a + ":1-2", ""},
		"the beginning is missing": {a + ":6-9", a + ":1-7," + b + ":1-3", "", a + ":1-5"},
		"one number":               {a + ":2-9", a + ":1-7", "", a + ":1"},
		"under a tag":              {a + ":1-9:blue:4-5", a + ":1-7:blue:1-4", "", a + ":blue:1-3"},
		"an old primary":           {a + ":1-9", a + ":1-7," + b + ":1-3", b + ":1-2", b + ":1-2"},
		"the other never had it":   {a + ":6-9", a + ":3-7", "", a + ":3-5"},
		"nothing known":            {"", a + ":1-7", "", ""},
	} {
		got := binlog.Unlogged(gtid.MustParse(tt.known), standing("", tt.executed, tt.purged))
		if !got.Equal(gtid.MustParse(tt.want)) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
