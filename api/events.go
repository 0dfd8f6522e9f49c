package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/regentdb/regent/raftnode/fsm"
)

// Event streams look at the node's own copy at this pace; a comment keeps idle connections open.
const (
	eventPeriod     = 250 * time.Millisecond
	keepAlivePeriod = 15 * time.Second
)

// getEvents streams what happens as server-sent events (HTML standard, section 9.2): "history" for
// every new entry of a cluster's history and "status" for every change of a cluster's status. With
// Last-Event-ID, or last_event_id, the entries after that one come first.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request) error {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return failure(CodeUnavailable, "%d event streams are open already; close one, or ask another node", streamsAllowed)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	st := &stream{out: flushing{w}, source: s.cfg.Source, now: s.cfg.Now, shown: map[string]string{}, last: map[string]string{}}
	if err := st.begin(r); err != nil {
		return nil // The caller went away; nobody is left to be told.
	}
	st.follow(r.Context(), s.stopping)
	return nil
}

// stream is one caller's event stream.
type stream struct {
	out    io.Writer
	source Source
	now    func() time.Time
	shown  map[string]string // cluster -> its status as last sent
	last   map[string]string // cluster -> ID of its last event that was sent, or was there before
}

// begin notes what is old, unless the caller says where it stopped.
func (st *stream) begin(r *http.Request) error {
	resume := r.Header.Get("Last-Event-ID")
	if resume == "" {
		resume = r.URL.Query().Get("last_event_id")
	}
	state := st.source.State()
	for _, name := range state.Names() {
		c := state.Clusters[name]
		st.last[name] = lastEvent(&c)
		for i := range c.History {
			if c.History[i].ID == resume {
				st.last[name] = resume
			}
		}
	}
	return st.send()
}

func (st *stream) follow(ctx context.Context, stopping <-chan struct{}) {
	tick, alive := time.NewTicker(eventPeriod), time.NewTicker(keepAlivePeriod)
	defer tick.Stop()
	defer alive.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-stopping:
			return
		case <-tick.C:
			err = st.send()
		case <-alive.C:
			_, err = io.WriteString(st.out, ": still here\n\n")
		}
		if err != nil {
			return
		}
	}
}

// send writes what is new since the last time.
func (st *stream) send() error {
	state := st.source.State()
	for _, name := range state.Names() {
		c := state.Clusters[name]
		if err := st.sendCluster(name, &c); err != nil {
			return err
		}
	}
	return nil
}

func (st *stream) sendCluster(name string, c *fsm.Cluster) error {
	for _, e := range historyOf(eventsAfter(c.History, st.last[name])) {
		if err := st.event("history", e.ID, e); err != nil {
			return err
		}
		st.last[name] = e.ID
	}
	view := st.source.View(c.Spec)
	status := clusterStatus(c, &view, st.now())
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%d", status.State, status.Reason, status.Primary, status.Epoch)
	if st.shown[name] == key {
		return nil
	}
	st.shown[name] = key
	return st.event("status", "", status)
}

func (st *stream) event(kind, id string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("api: encode event: %w", err)
	}
	if id != "" {
		kind += "\nid: " + id
	}
	_, err = fmt.Fprintf(st.out, "event: %s\ndata: %s\n\n", kind, b)
	return err
}
