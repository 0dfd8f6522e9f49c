package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/lab/fabric"
	"github.com/regentdb/regent/lab/mysqld"
)

// How long the steps of a bring-up may take on a slow machine.
const (
	serversWithin = 60 * time.Second
	nodesWithin   = 60 * time.Second
	healthyWithin = 60 * time.Second
)

// bringUp starts everything, in the order in which one thing needs another.
func (l *Lab) bringUp(ctx context.Context) error {
	began := time.Now()
	if err := l.buildNetwork(ctx); err != nil {
		return err
	}
	l.options.say("starting %d servers of MySQL %s and %d nodes", len(l.servers), l.installation.Version, len(l.nodes))
	if err := l.startMembers(ctx); err != nil {
		return err
	}
	l.options.say("servers answer after %s; setting up replication", since(began))
	if err := l.replicate(ctx); err != nil {
		return err
	}
	if len(l.nodes) > 0 {
		l.options.say("servers replicate after %s; waiting for the nodes", since(began))
		if err := l.adopt(ctx); err != nil {
			return err
		}
	}
	l.options.say("up after %s", since(began))
	return nil
}

func since(began time.Time) time.Duration { return time.Since(began).Round(100 * time.Millisecond) }

// buildNetwork makes a host for every server and node and for the applications
// of each region, and the delay between regions.
func (l *Lab) buildNetwork(ctx context.Context) error {
	regions := l.topology.Regions()
	add := func(name, region, site string, addr netip.Addr) error {
		return l.fabric.AddHost(ctx, fabric.Host{Name: name, Region: region, Site: site, Addr: addr})
	}
	var failed error
	for _, region := range regions {
		failed = errors.Join(failed, add(clientHost(region), region, "", address(regions, region, 2, 10)))
	}
	for _, s := range l.topology.Servers {
		failed = errors.Join(failed, add(s.Name, s.Region, s.Site, s.address))
	}
	for _, n := range l.topology.Nodes {
		failed = errors.Join(failed, add(n.ID, n.Region, n.Site, n.address))
	}
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			failed = errors.Join(failed, l.fabric.SetDelay(a, b, l.topology.Delay))
		}
	}
	if failed != nil {
		return failed
	}
	return l.forwardAPIs()
}

// forwardAPIs makes the nodes' APIs reachable from the host.
func (l *Lab) forwardAPIs() error {
	for _, n := range l.nodes {
		reached, err := l.fabric.Forward(l.life, n.spec.ID, apiPort, "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("API of node %s: %w", n.spec.ID, err)
		}
		n.api = "http://" + reached.String()
	}
	return nil
}

// startMembers starts servers and nodes, all at once, and returns when the
// servers answer.
func (l *Lab) startMembers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, serversWithin)
	defer cancel()
	starts, ctx := errgroup.WithContext(ctx)
	for _, s := range l.servers {
		starts.Go(func() error { return s.Start(ctx) })
	}
	for _, n := range l.nodes {
		starts.Go(func() error {
			_, err := n.Start()
			return err
		})
	}
	return starts.Wait()
}

// replicate points every replica at its source and waits until each receives
// and applies.
func (l *Lab) replicate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, serversWithin)
	defer cancel()
	sources := map[string]mysqld.Spec{}
	for _, s := range l.servers {
		sources[s.Spec().Name] = s.Spec()
	}
	replicas, ctx := errgroup.WithContext(ctx)
	for i, s := range l.servers {
		source := l.topology.Servers[i].Source
		if source != "" {
			replicas.Go(func() error { return l.point(ctx, s, sources[source].Address) })
		}
	}
	return replicas.Wait()
}

// point makes a server a replica of another.
func (l *Lab) point(ctx context.Context, replica *mysqld.Server, source netip.AddrPort) error {
	name := replica.Spec().Name
	db, err := replica.Open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	// A partition must not end replication for good: the receiver tries again
	// every second, for ever, and misses a silent source after four.
	change := fmt.Sprintf(`CHANGE REPLICATION SOURCE TO SOURCE_HOST = '%s', SOURCE_PORT = %d,
		SOURCE_USER = '%s', SOURCE_PASSWORD = '%s', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1,
		SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 4294967295, SOURCE_HEARTBEAT_PERIOD = 1`,
		source.Addr(), source.Port(), l.accounts.Replication.User, l.accounts.Replication.Password)
	for _, statement := range []string{change, "START REPLICA"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("replication of %s: %w", name, err)
		}
	}
	err = poll(ctx, 50*time.Millisecond, func() error {
		var receiver, applier, lastError string
		err := db.QueryRowContext(ctx, `SELECT c.service_state, a.service_state, c.last_error_message
			FROM performance_schema.replication_connection_status c
			JOIN performance_schema.replication_applier_status a USING (channel_name)`).Scan(&receiver, &applier, &lastError)
		if err == nil && (receiver != "ON" || applier != "ON") {
			err = fmt.Errorf("receiver %s, applier %s %s", receiver, applier, lastError)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("replication of %s from %s: %w", name, source, err)
	}
	return nil
}
