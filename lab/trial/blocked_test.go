package trial

import (
	"errors"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/workload"
)

func TestBlockedMeasure(t *testing.T) {
	struck := time.Unix(1_700_000_000, 0)
	ack := func(server string, ms int) workload.Attempt {
		return workload.Attempt{Server: server, Acknowledged: true, EndedAt: struck.Add(time.Duration(ms) * time.Millisecond)}
	}
	attempts := []workload.Attempt{ack("db1", -50), ack("db2", -20), ack("db1", 40), {Server: "db2", EndedAt: struck}, ack("db2", 900), ack("db2", 700)}
	for name, c := range map[string]struct {
		to     string
		outage time.Duration
		failed bool
	}{
		"replaced":                  {"db2", 700 * time.Millisecond, false}, // not by what db2 acknowledged as the primary before
		"held":                      {"", 0, false},
		"replaced, and nobody knew": {"db3", 0, true},
	} {
		r := &blockedRun{out: Blocked{Old: "db1", New: c.to}, struck: struck, attempts: attempts}
		err := r.measure()
		if errors.Is(err, ErrJudged) != c.failed || r.out.Outage != c.outage || r.out.Writes != 5 {
			t.Errorf("%s: outage %s with %d writes, %v", name, r.out.Outage, r.out.Writes, err)
		}
	}
}

func TestJudgeNodeless(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	at := func(ms ...int) []workload.Attempt {
		var all []workload.Attempt
		for _, m := range ms {
			all = append(all, workload.Attempt{Server: "db1", Acknowledged: true, Outcome: workload.Acknowledged, EndedAt: began.Add(time.Duration(m) * time.Millisecond)})
		}
		return all
	}
	closed, started := began.Add(2*time.Second), began.Add(8*time.Second)
	for name, c := range map[string]struct {
		attempts []workload.Attempt
		guarded  bool
		failed   bool
	}{
		"served on":                 {at(0, 900, 1800, 2700, 3600, 4500, 5400, 6300, 7200, 8100), false, false},
		"a gap":                     {at(0, 900, 2100, 3000, 3900, 4800, 5700, 6600, 7500, 8400), false, true},
		"nothing after the nodes":   {at(0, 900, 1800, 2700), false, true},
		"closed and opened again":   {at(0, 1900, 8500, 9000), true, false},
		"wrote while it was closed": {at(0, 1900, 2100, 8500), true, true},
		"never opened again":        {at(0, 1900), true, true},
	} {
		var out Nodeless
		if c.guarded {
			out.ReadOnly = 2 * time.Second
		}
		if err := judgeNodeless(&out, c.attempts, closed, started, nodelessGap); errors.Is(err, ErrJudged) != c.failed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
