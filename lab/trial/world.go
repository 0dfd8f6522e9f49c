package trial

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// ErrJudged says that a trial ran and its outcome is not what it must be.
var ErrJudged = errors.New("the trial failed")

// judged is a failure with its reason.
func judged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrJudged, fmt.Sprintf(format, args...))
}

// poll is how often a condition is looked at again.
const poll = 50 * time.Millisecond

// World is a lab that is up, and the API of its nodes.
type World struct {
	Lab     *lab.Client
	API     *api.Client
	Exe     string // the regent binary, which the writers run
	Cluster string
	// Slack is how much longer than a limit says what the limit bounds may take: on a machine that does other work
	// at the same time the time of day measures that work too. Zero where figures are taken.
	Slack time.Duration
	// past are the attempts of earlier trials, those that a settled split lost as ones of unknown outcome.
	past   []workload.Attempt
	nodes  map[string]*api.Client // each asks one node only
	access lab.Access
	status lab.Status
}

// Open answers the world of the lab in a directory.
func Open(ctx context.Context, dir, exe string) (*World, error) {
	l, err := lab.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	return of(ctx, l, exe)
}

func of(ctx context.Context, l *lab.Client, exe string) (*World, error) {
	access, err := l.Access(ctx)
	if err != nil {
		return nil, err
	}
	status, err := l.Status(ctx)
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(api.ClientConfig{URLs: access.APIs, Token: access.Token})
	if err != nil {
		return nil, err
	}
	w := &World{Lab: l, API: client, Exe: exe, Cluster: status.Cluster, nodes: map[string]*api.Client{}, access: access, status: status}
	for _, n := range status.Nodes {
		if w.nodes[n.ID], err = api.NewClient(api.ClientConfig{URLs: []string{n.API}, Token: access.Token}); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Up makes a lab and answers its world.
func Up(ctx context.Context, options lab.Options) (*World, error) {
	l, err := lab.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	return of(ctx, l, options.Exe)
}

// Node answers a client that asks one node only.
func (w *World) Node(id string) (*api.Client, error) {
	if client, ok := w.nodes[id]; ok {
		return client, nil
	}
	return nil, fmt.Errorf("trial: node %s: %w", id, lab.ErrUnknown)
}

// Await looks until a condition holds or the limit is over. The condition answers what it saw, for
// the error.
func Await(ctx context.Context, limit time.Duration, what string, holds func(context.Context) (bool, string)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	seen := "nothing"
	for {
		ok, saw := holds(ctx)
		if ok {
			return nil
		}
		if ctx.Err() == nil || seen == "nothing" {
			seen = saw
		}
		select {
		case <-ctx.Done():
			return judged("%s did not happen within %s; last seen: %s", what, limit, seen)
		case <-ticker.C:
		}
	}
}

// State answers the cluster's status as the API tells it.
func (w *World) State(ctx context.Context) (api.ClusterStatus, error) {
	status, err := w.API.Status(ctx)
	if err != nil {
		return api.ClusterStatus{}, err
	}
	for _, c := range status.Clusters {
		if c.Cluster == w.Cluster {
			return c, nil
		}
	}
	return api.ClusterStatus{}, fmt.Errorf("trial: cluster %s is not in the status", w.Cluster)
}

// AwaitState waits until the cluster's status satisfies a condition.
func (w *World) AwaitState(ctx context.Context, limit time.Duration, what string, ok func(api.ClusterStatus) bool) error {
	return Await(ctx, limit, what, func(ctx context.Context) (bool, string) {
		c, err := w.State(ctx)
		if err != nil {
			return false, err.Error()
		}
		return ok(c), fmt.Sprintf("state %s, primary %s, epoch %d, %s", c.State, c.Primary, c.Epoch, c.Reason)
	})
}

// AwaitOK waits until the cluster is ok.
func (w *World) AwaitOK(ctx context.Context, limit time.Duration) error {
	return w.AwaitState(ctx, limit, "state ok", func(c api.ClusterStatus) bool { return c.State == "ok" })
}

// Region answers the region of a server or node, empty when the lab has none of that name.
func (w *World) Region(name string) string {
	for _, s := range w.status.Servers {
		if s.Name == name {
			return s.Region
		}
	}
	for _, n := range w.status.Nodes {
		if n.ID == name {
			return n.Region
		}
	}
	return ""
}

// Servers lists the servers of a region, of all regions when it is empty.
func (w *World) Servers(region string) []string {
	var names []string
	for _, s := range w.status.Servers {
		if region == "" || s.Region == region {
			names = append(names, s.Name)
		}
	}
	return names
}

// Do previews and confirms a change.
func (w *World) Do(ctx context.Context, change api.Change) error {
	offer, err := w.API.Preview(ctx, change)
	if err != nil {
		return err
	}
	_, err = w.API.Confirm(ctx, change, offer.Confirm)
	return err
}

// DB opens a server through its socket, as the lab's administrator. The caller closes it.
func (w *World) DB(server string) (*sql.DB, error) {
	return w.open(server, w.status.MySQL.AdminUser, w.status.MySQL.AdminPassword)
}

// ask runs a query that answers one row of texts.
func (w *World) ask(ctx context.Context, server, query string) (string, error) {
	db, err := w.DB(server)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	var text sql.NullString
	if err := db.QueryRowContext(ctx, query).Scan(&text); err != nil {
		return "", fmt.Errorf("trial: %s: %w", server, err)
	}
	return strings.ReplaceAll(text.String, "\n", ""), nil
}
