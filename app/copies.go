package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/binlog/mirror"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode"
	"github.com/regentdb/regent/raftnode/fsm"
)

const (
	// copyPeriod is how often a node looks for reports that it should hold a copy of.
	copyPeriod = time.Second
	// copyPatience is how long the next node in turn waits for the one before it.
	copyPatience = time.Minute
	// tellLimit bounds the word to the leader.
	tellLimit = 5 * time.Second
)

// copies has this node hold the files of reports that another one works on, and removes those of reports that are over.
type copies struct {
	log     *agreement
	peers   *peers
	reports *reports
	self    fsm.Node
	logger  *slog.Logger

	mu     sync.Mutex // leaf-level
	places map[string]*workplace
	acked  map[shared]int64 // of the decision log, by report and node

	// For run alone: since when a state of files has been seen without a copy, and the last complaint, by report.
	since map[string]sighting
	told  map[string]string
}

// shared is a report on another node.
type shared struct{ report, node string }

// sighting is a state of a report's files, and when it was seen first.
type sighting struct {
	files uint64
	at    time.Time
}

// workplace is the directory of one report: who holds its token may change it.
type workplace struct {
	token chan struct{}
	stop  context.CancelFunc // ends a copy that is being fetched; nil: none is
}

func newCopies(log *agreement, p *peers, r *reports, self fsm.Node, logger *slog.Logger) *copies {
	return &copies{
		log: log, peers: p, reports: r, self: self, logger: logger, places: map[string]*workplace{}, acked: map[shared]int64{},
		since: map[string]sighting{}, told: map[string]string{},
	}
}

// run looks after copies until ctx ends.
func (c *copies) run(ctx context.Context) error {
	ticker := time.NewTicker(copyPeriod)
	defer ticker.Stop()
	for {
		c.round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (c *copies) round(ctx context.Context) {
	state := c.log.State()
	for _, name := range state.Names() {
		cluster := state.Clusters[name]
		for i := range cluster.State.Divergences {
			v := &cluster.State.Divergences[i]
			err := c.follow(ctx, &state, name, v)
			if err == nil || ctx.Err() != nil {
				delete(c.told, v.ID)
			} else if c.told[v.ID] != err.Error() {
				c.told[v.ID] = err.Error()
				c.logger.WarnContext(ctx, "the files of a report could not be copied yet", "report", v.ID, "from", v.Node, "error", err)
			}
		}
	}
}

// follow brings the copy of one report up to date, where it is this node's turn to hold one.
func (c *copies) follow(ctx context.Context, state *fsm.State, cluster string, v *failover.Divergence) error {
	dir, err := c.reports.path(v.ID)
	switch {
	case err != nil:
		return err
	case v.Removed:
		return c.remove(ctx, v.ID, dir)
	case v.Node == c.self.ID && v.Files > 0 && !had(dir):
		return c.restore(ctx, v, dir)
	case v.Node == "" || v.Node == c.self.ID || v.Files == 0:
		delete(c.since, v.ID)
		return nil
	}
	record, copied := mirror.Copied(dir)
	if copied && record.Change == v.Files {
		if v.CopiedOn(c.self.ID) {
			return nil
		}
		return c.tell(ctx, cluster, v)
	}
	if !c.turn(state, v, copied || v.CopiedOn(c.self.ID) || had(dir)) {
		return nil
	}
	return c.fetch(ctx, cluster, v, dir)
}

// had tells whether this node worked on a report, so that it has most of its files.
func had(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, capture.ManifestName))
	return err == nil
}

// turn tells whether this node is to hold a copy: the first one of another site at once, and each further one when those
// before it have had their time. A leader that could not work on the report otherwise fetches one as well.
func (c *copies) turn(state *fsm.State, v *failover.Divergence, held bool) bool {
	if held {
		return true
	}
	if len(v.Holders()) > 1 {
		return c.log.Leadership().Leads && !c.reaches(v.Node)
	}
	if c.since[v.ID].files != v.Files {
		c.since[v.ID] = sighting{v.Files, time.Now()}
	}
	rank := slices.Index(inTurn(state, v.Node), c.self.ID)
	return rank >= 0 && time.Since(c.since[v.ID].at) >= time.Duration(rank)*copyPatience
}

// inTurn lists the other nodes in the order in which they are to hold a copy: what is furthest away first, as that is
// least likely to be lost together.
func inTurn(state *fsm.State, origin string) []string {
	from := state.Nodes[origin]
	near := func(n fsm.Node) int {
		switch {
		case n.Site == from.Site && n.Region == from.Region:
			return 2
		case n.Region == from.Region:
			return 1
		}
		return 0
	}
	var nodes []fsm.Node
	for id, n := range state.Nodes {
		if id != origin {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b fsm.Node) int { return cmp.Or(near(a)-near(b), cmp.Compare(a.ID, b.ID)) })
	out := make([]string, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, n.ID)
	}
	return out
}

// reaches tells whether another node answered when it was asked last.
func (c *copies) reaches(node string) bool {
	return slices.ContainsFunc(c.log.node.Status().Peers, func(p raftnode.PeerStatus) bool { return p.ID == node && p.Reachable })
}

// errMoving means that a copy cannot be fetched right now.
var errMoving = errors.New("app: its files are being changed")

// fetch makes this node hold a copy.
func (c *copies) fetch(ctx context.Context, cluster string, v *failover.Divergence, dir string) error {
	ctx, leave, free := c.enter(ctx, v.ID)
	if !free {
		return nil
	}
	defer leave()
	from, err := c.fetchAny(ctx, v, dir)
	if err != nil {
		return err
	}
	c.logger.InfoContext(ctx, "this node holds a copy of a report", "report", v.ID, "from", from, "change", v.Files)
	return c.tell(ctx, cluster, v)
}

// restore fetches the files of a report that this node works on, and that are gone from its disk.
func (c *copies) restore(ctx context.Context, v *failover.Divergence, dir string) error {
	if len(v.Holders()) < 2 {
		return fmt.Errorf("%w: this node works on it and does not have them any more, and nobody holds a copy", os.ErrNotExist)
	}
	ctx, leave, free := c.enter(ctx, v.ID)
	if !free {
		return nil
	}
	defer leave()
	if had(dir) {
		return nil // whoever worked on it just now has written them
	}
	from, err := c.fetchAny(ctx, v, dir)
	if err != nil {
		return err
	}
	c.logger.WarnContext(ctx, "the files of a report were gone from this node, and are there again", "report", v.ID, "from", from, "change", v.Files)
	return mirror.Disown(dir)
}

// fetchAny copies the files from the first other node that has them, and names it.
func (c *copies) fetchAny(ctx context.Context, v *failover.Divergence, dir string) (from string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("app: %w", err)
	}
	var failures []error
	for _, node := range v.Holders() {
		if node == c.self.ID {
			continue
		}
		err := c.fetchFrom(ctx, node, v, dir)
		if err == nil {
			return node, nil
		}
		failures = append(failures, err)
	}
	return "", errors.Join(failures...)
}

func (c *copies) fetchFrom(ctx context.Context, node string, v *failover.Divergence, dir string) error {
	m := c.reports.mirror
	if err := m.Finish(dir); err != nil {
		return err
	}
	before, err := c.peers.inventory(ctx, node, v.ID)
	if err != nil {
		return err
	}
	if before.Change != v.Files {
		return fmt.Errorf("%w: node %s has change %d of them, and %d is agreed", errMoving, node, before.Change, v.Files)
	}
	room, err := durable.RoomAt(dir)
	if err != nil {
		return err
	}
	if need := m.Missing(dir, before.Files); !room.Holds(need) {
		return capture.NoRoom("a copy of report "+v.ID, dir, need, room)
	}
	if err := m.Pull(ctx, dir, before.Files, c.peers.file(node, v.ID)); err != nil {
		return err
	}
	after, err := c.peers.inventory(ctx, node, v.ID)
	if err != nil {
		return err
	}
	if after.Change != before.Change || !m.Same(before.Files, after.Files) {
		return fmt.Errorf("%w on node %s", errMoving, node)
	}
	return m.Install(dir, before)
}

// tell has the group know that this node holds a copy.
func (c *copies) tell(ctx context.Context, cluster string, v *failover.Divergence) error {
	limit, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	copied := fsm.Copied{Cluster: cluster, Report: v.ID, Copy: failover.Copy{Node: c.self.ID, Files: v.Files, At: time.Now().UTC()}}
	leader, known := c.log.node.Leader()
	switch {
	case !known:
		return nil
	case leader == c.self.ID:
		return c.accept(limit, copied)
	}
	return c.peers.post(limit, leader, copiedPath, copied)
}

// accept records what a node says that it holds.
func (c *copies) accept(ctx context.Context, copied fsm.Copied) error {
	err := c.log.Propose(ctx, fsm.Command{Copied: &copied})
	if errors.Is(err, fsm.ErrStale) {
		return nil // Its files have changed since: the node sees that too.
	}
	return err
}

// remove deletes the files of a report that is over.
func (c *copies) remove(ctx context.Context, id, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, leave, free := c.enter(ctx, id)
	if !free {
		return nil
	}
	defer leave()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("app: remove the files of report %s: %w", id, err)
	}
	c.logger.InfoContext(ctx, "the files of a report were removed, which was settled long ago", "report", id, "dir", filepath.Base(dir))
	return nil
}

func (c *copies) place(id string) *workplace {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.places[id]
	if w == nil {
		w = &workplace{token: make(chan struct{}, 1)}
		c.places[id] = w
	}
	return w
}

// enter gives the directory of a report to the fetching of a copy, if nobody has it. The context ends when somebody who
// works on the report wants it.
func (c *copies) enter(ctx context.Context, id string) (within context.Context, leave func(), free bool) {
	w := c.place(id)
	select {
	case w.token <- struct{}{}:
	default:
		return ctx, nil, false
	}
	within, stop := context.WithCancel(ctx)
	c.mu.Lock()
	w.stop = stop
	c.mu.Unlock()
	return within, func() {
		stop()
		c.mu.Lock()
		w.stop = nil
		c.mu.Unlock()
		<-w.token
	}, true
}

// take gives the directory of a report to whoever works on it.
func (c *copies) take(ctx context.Context, id string) (leave func(), err error) {
	w := c.place(id)
	c.mu.Lock()
	if w.stop != nil {
		w.stop()
	}
	c.mu.Unlock()
	select {
	case w.token <- struct{}{}:
		return func() { <-w.token }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("app: the files of report %s are in use: %w", id, context.Cause(ctx))
	}
}

// own makes sure that the files of a report are whole before this node changes them: what was a copy is the original
// from then on. A capture checks by itself what it finds.
func (c *copies) own(dir string, capturing bool) error {
	m := c.reports.mirror
	if err := m.Finish(dir); err != nil {
		return err
	}
	if _, copied := mirror.Copied(dir); copied && !capturing {
		if err := m.Verify(dir); err != nil {
			return err
		}
	}
	return mirror.Disown(dir)
}
