package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regentdb/regent/lab/daemon"
	"github.com/regentdb/regent/lab/fabric"
)

// selector finds the hosts that a name means: a region, a server, a node or a
// site, in this order. The error wraps ErrUnknown.
func (l *Lab) selector(name string) (fabric.Selector, error) {
	if slices.Contains(l.topology.Regions(), name) {
		return fabric.Selector{Region: name}, nil
	}
	_, err := l.daemon(name)
	switch {
	case err == nil:
		return fabric.Selector{Host: name}, nil
	case slices.Contains(l.topology.Sites(), name):
		return fabric.Selector{Site: name}, nil
	}
	return fabric.Selector{}, err
}

// daemon finds a server or node by name. The error wraps ErrUnknown.
func (l *Lab) daemon(name string) (*daemon.Daemon, error) {
	for _, s := range l.servers {
		if s.Spec().Name == name {
			return s.Daemon, nil
		}
	}
	for _, n := range l.nodes {
		if n.spec.ID == name {
			return n.Daemon, nil
		}
	}
	return nil, fmt.Errorf("lab: %q: %w: it is no region, site, server or node of it", name, ErrUnknown)
}

// CutRequest names a cut of the network.
type CutRequest struct {
	// Target is a region, a site, a server or a node.
	Target string `json:"target"`
	// From is the region, site, server or node that it is cut from; empty is
	// everyone else.
	From string `json:"from"`
	// OneWay drops only what the target sends.
	OneWay bool `json:"one_way,omitempty"`
	// Reject answers with resets instead of silence.
	Reject bool `json:"reject,omitempty"`
}

func (l *Lab) cut(request CutRequest) (fabric.Cut, error) {
	a, err := l.selector(request.Target)
	if err != nil {
		return fabric.Cut{}, err
	}
	c := fabric.Cut{A: a, OneWay: request.OneWay, Reject: request.Reject}
	if request.From != "" {
		c.B, err = l.selector(request.From)
	}
	return c, err
}

// Cut drops packets between the target and the others, both ways unless the
// request says otherwise.
func (l *Lab) Cut(request CutRequest) error {
	c, err := l.cut(request)
	if err != nil {
		return err
	}
	return l.fabric.Cut(c)
}

// Heal takes back the cuts of a target, those from one other side only where
// From is given, or all cuts where the request is zero. It answers how many
// there were; none is an error that wraps ErrUnknown, unless all were meant.
func (l *Lab) Heal(request CutRequest) (int, error) {
	if request.Target == "" {
		return l.fabric.Heal(nil), nil
	}
	wanted, err := l.cut(request)
	if err != nil {
		return 0, err
	}
	healed := 0
	for _, c := range l.fabric.Cuts() {
		if c.A == wanted.A && (request.From == "" || c.B == wanted.B) {
			healed += l.fabric.Heal(&c)
		}
	}
	if healed == 0 {
		return 0, fmt.Errorf("lab: a cut of %s: %w; `regent lab status -o json` lists the cuts", request.Target, ErrUnknown)
	}
	return healed, nil
}

// LinkRequest names what happens between two regions, or, without B, on every
// way of the server or node A.
type LinkRequest struct {
	A     string        `json:"a"`
	B     string        `json:"b,omitempty"`
	Delay time.Duration `json:"delay"` // one way.
	Loss  float64       `json:"loss"`  // share of the packets, one way.
}

// Delay sets the one-way delay between two regions, or that which one server
// or node adds.
func (l *Lab) Delay(request LinkRequest) error {
	if request.B == "" {
		if _, err := l.daemon(request.A); err != nil {
			return err
		}
		return l.fabric.SetHostDelay(request.A, request.Delay)
	}
	return errors.Join(l.region(request.A), l.region(request.B), l.fabric.SetDelay(request.A, request.B, request.Delay))
}

// Loss sets the share of packets that vanish between two regions, or at one
// server or node.
func (l *Lab) Loss(request LinkRequest) error {
	if request.B == "" {
		if _, err := l.daemon(request.A); err != nil {
			return err
		}
		return l.fabric.SetHostLoss(request.A, request.Loss)
	}
	return errors.Join(l.region(request.A), l.region(request.B), l.fabric.SetLoss(request.A, request.B, request.Loss))
}

func (l *Lab) region(name string) error {
	if !slices.Contains(l.topology.Regions(), name) {
		return fmt.Errorf("lab: region %q: %w; its regions are %v", name, ErrUnknown, l.topology.Regions())
	}
	return nil
}

// Kill ends a server or node with SIGKILL. One that is down stays so.
func (l *Lab) Kill(name string) error {
	d, err := l.daemon(name)
	if err != nil {
		return err
	}
	return d.Kill()
}

// Stop asks a server or node to end, with SIGTERM, and returns when it has.
func (l *Lab) Stop(ctx context.Context, name string) error {
	d, err := l.daemon(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, serversWithin)
	defer cancel()
	return d.Stop(ctx)
}

// Pause stops a server or node with SIGSTOP: a host that hangs.
func (l *Lab) Pause(name string) error {
	d, err := l.daemon(name)
	if err != nil {
		return err
	}
	return d.Pause()
}

// Resume lets a paused server or node go on.
func (l *Lab) Resume(name string) error {
	d, err := l.daemon(name)
	if err != nil {
		return err
	}
	return d.Resume()
}

// Start starts a server or node that is down. It returns when a server
// answers on its socket, and at once for a node, which may not become ready
// without the others.
func (l *Lab) Start(ctx context.Context, name string) error {
	if s, err := l.Server(name); err == nil {
		ctx, cancel := context.WithTimeout(ctx, serversWithin)
		defer cancel()
		return s.Start(ctx)
	}
	d, err := l.daemon(name)
	if err != nil {
		return err
	}
	_, err = d.Start()
	return err
}
