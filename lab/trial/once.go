package trial

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab/workload"
)

// judge holds the end of an interrupted recovery against the ledger, the history and the servers.
func (a *ambush) judge(ctx context.Context, out *Ambushed, attempts []workload.Attempt) error {
	if err := a.w.judgeLoss(ctx, &out.Loss, a.before, attempts, nil); err != nil {
		return err
	}
	entry, err := a.w.onlyFailover(ctx, a.killed)
	if err != nil {
		return err
	}
	switch {
	case entry.Epoch != a.before.Epoch+1:
		return judged("the epoch was raised from %d to %d by one failover", a.before.Epoch, entry.Epoch)
	case entry.Decision != out.New+" replaced "+out.Old:
		return judged("the history says %q, and %s is the primary after %s", entry.Decision, out.New, out.Old)
	case a.Verb != "note" && out.Next == a.Node:
		return judged("%s was struck at %s and finished the recovery itself", a.Node, out.Spot)
	}
	if err := doneOnce(entry.Steps); err != nil {
		return err
	}
	statements, err := a.witness.Statements(a.killed)
	if err != nil {
		return err
	}
	if err := a.effectsOnce(out.New, statements); err != nil {
		return err
	}
	if a.Verb == "stop" {
		return a.judgeRejection(ctx, out, statements)
	}
	return nil
}

// onlyFailover answers the one entry about a failover since a moment.
func (w *World) onlyFailover(ctx context.Context, since time.Time) (api.HistoryEntry, error) {
	history, err := w.API.History(ctx, w.Cluster, 50)
	if err != nil {
		return api.HistoryEntry{}, err
	}
	var found []api.HistoryEntry
	for _, e := range history {
		if e.Kind == "failover" && e.At.After(since) {
			found = append(found, e)
		}
	}
	if len(found) != 1 || found[0].Failed {
		var said []string
		for _, e := range found {
			said = append(said, fmt.Sprintf("%s (%s)", e.Decision, e.Reason))
		}
		return api.HistoryEntry{}, judged("the history has %d entries about one failover: %s", len(found), strings.Join(said, "; "))
	}
	return found[0], nil
}

// doneOnce tells whether every step of a recovery is recorded once. What was not needed any more is failed.
func doneOnce(steps []api.Step) error {
	done := map[string]int{}
	for _, s := range steps {
		if s.State == "pending" && s.Name != "revoke" && s.Name != "follow" {
			return judged("the step %s on %s was left open", s.Name, s.Server)
		}
		if s.State == "done" {
			done[s.Name+" on "+s.Server]++
		}
	}
	for step, n := range done {
		if n > 1 {
			return judged("the step %s is recorded %d times", step, n)
		}
	}
	return nil
}

// effectsOnce holds the servers' own logs against the recovery: replication ended and the server opened on
// the new primary alone, and no server was pointed at the same source twice.
func (a *ambush) effectsOnce(primary string, statements []Statement) error {
	removed, opened := map[string]int{}, map[string]int{}
	pointed := map[string]int{}
	fencedAfter := false
	for _, s := range statements {
		switch text := s.Text; {
		case s.Node == "":
		case strings.HasPrefix(text, "RESET REPLICA ALL"):
			removed[s.Server]++
		case strings.HasPrefix(text, "SET GLOBAL read_only = OFF"):
			opened[s.Server]++
		case strings.HasPrefix(text, "CHANGE REPLICATION SOURCE"):
			pointed[s.Server+" at "+sourceIn(text)]++
		case strings.HasPrefix(text, "SET GLOBAL super_read_only = ON") && s.Server == primary && opened[primary] > 0:
			fencedAfter = true
		}
	}
	switch {
	case removed[primary] != 1 || len(removed) != 1:
		return judged("the replication channel was removed %v times; once on %s is right", removed, primary)
	case opened[primary] == 0 || len(opened) != 1:
		return judged("servers were opened %v times; only %s may be", opened, primary)
	case fencedAfter:
		return judged("%s was made read-only again after it had been opened", primary)
	}
	for what, n := range pointed {
		if n > 1 {
			return judged("%s was pointed %d times", what, n)
		}
	}
	return nil
}

// sourceIn finds the source that a CHANGE REPLICATION SOURCE names.
func sourceIn(text string) string {
	_, after, _ := strings.Cut(text, "SOURCE_HOST = ")
	source, _, _ := strings.Cut(after, ",")
	return strings.Trim(source, "' ")
}
