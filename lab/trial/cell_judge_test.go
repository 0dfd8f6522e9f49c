package trial

import (
	"testing"
	"time"

	"github.com/regentdb/regent/lab/workload"
)

func TestTwoWriters(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }
	ack := func(server string, from, to int) workload.Attempt {
		return workload.Attempt{ID: server, Server: server, Acknowledged: true, StartedAt: at(from), EndedAt: at(to)}
	}
	lost := ack("db1", 9, 10)
	lost.Acknowledged = false
	for _, c := range []struct {
		name       string
		attempts   []workload.Attempt
		promotions []promotion
		two        bool
	}{
		{"one after the other", []workload.Attempt{ack("db1", 1, 2), ack("db2", 5, 6), ack("db2", 7, 8)}, nil, false},
		{"an answer that comes late", []workload.Attempt{ack("db1", 1, 9), ack("db2", 5, 6)}, nil, false},
		{"the old one goes on", []workload.Attempt{ack("db1", 1, 2), ack("db2", 5, 6), ack("db1", 7, 8)}, nil, true},
		{"the old one goes on unheard", []workload.Attempt{ack("db1", 1, 2), ack("db2", 5, 6), lost}, nil, false},
		{"the old one is promoted again", []workload.Attempt{ack("db1", 1, 2), ack("db2", 3, 4), ack("db1", 7, 8)}, []promotion{{"db2", at(3)}, {"db1", at(6)}}, false},
		{"it is promoted again later", []workload.Attempt{ack("db1", 1, 2), ack("db2", 3, 4), ack("db1", 5, 6)}, []promotion{{"db1", at(9)}}, true},
	} {
		if why := twoWriters(c.attempts, c.promotions); (why != "") != c.two {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}
