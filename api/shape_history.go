package api

import (
	"slices"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// historyOf shapes events, oldest first.
func historyOf(events []failover.Event) []HistoryEntry {
	out := make([]HistoryEntry, 0, len(events))
	for i := range events {
		out = append(out, historyEntry(&events[i]))
	}
	return out
}

func historyEntry(e *failover.Event) HistoryEntry {
	h := HistoryEntry{
		ID: e.ID, At: e.At.UTC(), Kind: e.Kind, Cluster: e.Cluster, Epoch: e.Epoch, Decision: e.Decision, Reason: e.Reason, By: e.By,
		Candidates: e.Candidates, Evidence: []Evidence{}, Steps: []Step{}, LostEstimate: e.Lost, Failed: e.Failed,
	}
	if h.Candidates == nil {
		h.Candidates = []policy.Verdict{}
	}
	for _, ev := range e.Evidence {
		h.Evidence = append(h.Evidence, Evidence{Server: ev.Server, Kind: string(ev.Kind), By: ev.By, At: ev.At.UTC(), Detail: ev.Detail, Answer: ev.Answer})
	}
	for _, s := range e.Steps {
		h.Steps = append(h.Steps, Step{
			Name: string(s.Name), Server: s.Server, State: string(s.State), StartedAt: s.StartedAt.UTC(), EndedAt: optional(s.EndedAt),
			Error: s.Error, Tries: s.Tries, Why: s.Why,
		})
	}
	return h
}

// eventsAfter returns the events that follow the one with that ID; all of them when it is not there,
// because then it is older than what is kept.
func eventsAfter(events []failover.Event, id string) []failover.Event {
	i := slices.IndexFunc(events, func(e failover.Event) bool { return e.ID == id })
	return events[i+1:]
}

// lastEvent is the ID of the newest event, empty when there is none.
func lastEvent(c *fsm.Cluster) string {
	if len(c.History) == 0 {
		return ""
	}
	return c.History[len(c.History)-1].ID
}

func auditOf(entries []fsm.AuditEntry) []AuditEntry {
	out := make([]AuditEntry, 0, len(entries))
	for _, e := range entries {
		out = append(out, AuditEntry{At: e.At.UTC(), By: e.By, Action: e.Action, Object: e.Object, Outcome: e.Outcome, Reason: e.Reason})
	}
	return out
}
