package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/lab/daemon"
	"github.com/regentdb/regent/lab/fabric"
	"github.com/regentdb/regent/lab/mysqld"
)

// ErrUnknown says that a lab has no server, node or region of a name.
var ErrUnknown = errors.New("not in this lab")

// ErrBringUp says that a lab did not come to work.
var ErrBringUp = errors.New("the lab did not come up")

// Options describe a lab to be made.
type Options struct {
	// Dir is the directory of the lab; it is empty, missing, or a former lab's.
	Dir string
	// Topology is what the lab consists of; a zero one is DefaultTopology.
	Topology Topology
	// NoNodes leaves the nodes out: servers that replicate, and nothing else.
	NoNodes bool
	// Exe is the regent binary, for nodes and for the supervisor.
	Exe string
	// MySQL says where the servers come from.
	MySQL mysqld.Options
	// Log receives what happens to processes; nil discards it.
	Log *slog.Logger
	// Progress receives a line per step; nil discards them.
	Progress io.Writer
}

// complete fills in what was left out, and validates.
func (o Options) complete() (Options, error) {
	if len(o.Topology.Servers) == 0 {
		o.Topology = DefaultTopology()
	}
	if o.NoNodes {
		o.Topology.Nodes = nil
	}
	if len(o.Topology.Nodes) > 0 && o.Exe == "" {
		return o, fmt.Errorf("lab: %w: nodes need the regent binary; name it, or leave the nodes out", ErrTopology)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	var err error
	o.Topology, err = o.Topology.complete()
	return o, err
}

// say writes one line of progress; a reader that went away is no reason to stop.
func (o Options) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(o.Progress, format+"\n", arguments...)
}

// Lab is a world of regions, servers and nodes. Its methods may be called
// concurrently. Close ends it; if its process dies first, all of it dies too.
type Lab struct {
	options  Options
	layout   layout
	topology Topology

	fabric       *fabric.Fabric
	installation *mysqld.Installation
	accounts     mysqld.Accounts
	servers      []*mysqld.Server // in the order of the topology.
	nodes        []*node          // likewise.
	token        string

	life context.Context // of forwards; ends with Close.
	end  context.CancelFunc
}

// New makes a lab and returns when every server replicates, every node is
// ready, and the cluster is healthy under regent. On an error nothing is left
// but the logs. The context bounds the making only.
func New(ctx context.Context, options Options) (*Lab, error) {
	l, err := build(ctx, options)
	if err == nil {
		return l, nil
	}
	if where, openErr := openLayout(options.Dir); openErr == nil {
		err = errors.Join(err, where.remove())
	}
	return nil, err
}

// build makes a lab; on an error no process is left, but the files are.
func build(ctx context.Context, options Options) (*Lab, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	l, err := prepare(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := l.bringUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w: %w", ErrBringUp, err), l.halt())
	}
	return l, nil
}

// prepare makes everything that needs no process.
func prepare(ctx context.Context, options Options) (*Lab, error) {
	where, err := openLayout(options.Dir)
	if err != nil {
		return nil, err
	}
	if err := where.create(); err != nil {
		return nil, err
	}
	installation, err := mysqld.Locate(ctx, options.MySQL)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	template, err := mysqld.Prepare(ctx, installation, options.MySQL)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := saveSpec(where, options); err != nil {
		return nil, err
	}
	l := &Lab{
		options: options, layout: where, topology: options.Topology,
		installation: installation, accounts: template.Accounts,
	}
	l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	if l.token, err = where.furnish(l.topology, l.accounts); err != nil {
		return nil, err
	}
	if err := where.write(where.client(), clientScript(installation), 0o700); err != nil {
		return nil, err
	}
	if l.fabric, err = fabric.New(options.Log); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := l.populate(template); err != nil {
		return nil, errors.Join(err, l.halt())
	}
	return l, nil
}

// populate describes the servers and nodes; nothing runs yet.
func (l *Lab) populate(template *mysqld.Template) error {
	var copies errgroup.Group
	for i, s := range l.topology.Servers {
		spec := mysqld.Spec{
			Name: s.Name, Dir: l.layout.server(s.Name), Log: l.layout.log(s.Name), Socket: l.layout.socket(s.Name),
			Address: s.addrPort(), ID: uint32(i + 1), ReadOnly: s.Name != l.topology.Primary(),
		}
		copies.Go(func() error { return spec.Create(template) })
		hooks := mysqld.Hooks{Launch: l.launcher(s.Name), Log: l.options.Log}
		l.servers = append(l.servers, mysqld.NewServer(l.installation, l.accounts.Admin, spec, hooks))
	}
	for _, n := range l.topology.Nodes {
		l.nodes = append(l.nodes, l.newNode(n))
	}
	return copies.Wait()
}

// Close ends every process of the lab and removes its files but the logs.
func (l *Lab) Close() error { return errors.Join(l.halt(), l.layout.remove()) }

// halt ends every process of the lab.
func (l *Lab) halt() error {
	l.end()
	var kills errgroup.Group
	for _, d := range l.daemons() {
		kills.Go(d.Kill)
	}
	return errors.Join(kills.Wait(), l.fabric.Close())
}

// daemons are the processes of all servers and nodes.
func (l *Lab) daemons() []*daemon.Daemon {
	var all []*daemon.Daemon
	for _, s := range l.servers {
		all = append(all, s.Daemon)
	}
	for _, n := range l.nodes {
		all = append(all, n.Daemon)
	}
	return all
}

// Server answers a server by name, for tests in the lab's own process. The
// error wraps ErrUnknown.
func (l *Lab) Server(name string) (*mysqld.Server, error) {
	i := slices.IndexFunc(l.servers, func(s *mysqld.Server) bool { return s.Spec().Name == name })
	if i < 0 {
		return nil, fmt.Errorf("lab: server %s: %w", name, ErrUnknown)
	}
	return l.servers[i], nil
}

// Fabric is the lab's network, for tests in the lab's own process.
func (l *Lab) Fabric() *fabric.Fabric { return l.fabric }

// Accounts are the accounts on every server.
func (l *Lab) Accounts() mysqld.Accounts { return l.accounts }

// poll asks until the answer is yes, at the period, until ctx ends. The last
// reason for a no becomes the error.
func poll(ctx context.Context, period time.Duration, ask func() error) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		reason := ask()
		if reason == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), reason)
		case <-ticker.C:
		}
	}
}
