package controller

import (
	"encoding/json"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// ending is how the last run of an action ended.
type ending struct {
	action   string // its encoding: the same step may be wanted again with other contents
	failed   string // the error, empty when it was done
	failures int    // in a row
	until    time.Time
}

// and is the ending after another run. What failed rests longer each time. What was done rests until
// the servers have been looked at again: the decision may still see them as they were before.
func (e ending) and(r *failover.Result, now time.Time) ending {
	next := ending{action: encoding(&r.Action), failed: r.Err}
	rest := doneRest
	if r.Err != "" {
		next.failures = e.failures + 1
		rest = min(firstRetry<<min(e.failures, 10), lastRetry)
	}
	next.until = now.Add(rest)
	return next
}

// rests tells whether the action, wanted again, has to wait.
func (e ending) rests(a *failover.Action, now time.Time) bool {
	return now.Before(e.until) && (e.failed != "" || e.action == encoding(a))
}

// encoding is what distinguishes two actions with the same name. Sets that move with every write do not.
func encoding(a *failover.Action) string {
	plain := *a
	plain.Target, plain.Divergence = gtid.Set{}, nil
	encoded, err := json.Marshal(plain)
	if err != nil {
		return a.ID // An action consists of plain values; all of them have an encoding.
	}
	return string(encoded)
}
