package fabric

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Host is one machine of the lab.
type Host struct {
	Name   string     // unique in the fabric.
	Region string     // where it lies; cuts, delays and loss go by it.
	Site   string     // the data center within the region, empty for none; cuts go by it.
	Addr   netip.Addr // its only address besides loopback, IPv4.
}

// host is a Host that is up.
type host struct {
	Host
	index  int // its place in the table.
	thread *thread
	netns  *os.File // its namespace.
	port   *os.File // the switch's end of its interface.
}

// AddHost makes a host: its namespace with the loopback and one interface
// that carries its address and the default route. The host is reachable when
// AddHost returns. Errors: [ErrBadHost], [ErrDuplicateHost], [ErrClosed], or
// what the kernel refused.
func (f *Fabric) AddHost(ctx context.Context, h Host) error {
	if h.Name == "" || h.Region == "" || !h.Addr.Is4() {
		return fmt.Errorf("fabric: add host %q (region %q, address %v): %w", h.Name, h.Region, h.Addr, ErrBadHost)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fabric: add host %q: %w", h.Name, err)
	}
	up, err := bringUp(h, f.medium)
	if err != nil {
		return fmt.Errorf("fabric: add host %q: %w", h.Name, err)
	}
	if err := f.attach(up); err != nil {
		up.close()
		return fmt.Errorf("fabric: add host %q: %w", h.Name, err)
	}
	return nil
}

// attach plugs a host into the switch.
func (f *Fabric) attach(h *host) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	taken := func(o *host) bool { return o.Name == h.Name || o.Addr == h.Addr }
	if slices.ContainsFunc(f.hosts, taken) {
		return ErrDuplicateHost
	}
	h.index = len(f.hosts)
	f.hosts = append(f.hosts, h)
	if err := f.layEnds(); err != nil {
		f.hosts = f.hosts[:h.index]
		return err
	}
	f.publish()
	f.work.Go(func() { f.carry(h) })
	return nil
}

// bringUp makes the namespace of a host and the thread that lives in it.
func bringUp(h Host, m medium) (*host, error) {
	up := &host{Host: h, thread: newThread()}
	var err error
	ran := up.thread.run(func() { err = up.furnish(m) })
	if ran != nil {
		err = ran
	}
	if err != nil {
		up.close()
		return nil, err
	}
	return up, nil
}

// furnish runs on the thread of the host and moves it into its new namespace.
func (h *host) furnish(m medium) (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	if h.netns, err = os.Open(ownNamespace); err != nil {
		return fmt.Errorf("open the network namespace: %w", err)
	}
	if err := keepAlive(); err != nil {
		return err
	}
	if h.port, err = m.open(interfaceName); err != nil {
		return fmt.Errorf("join it by a %s: %w", m.name, err)
	}
	return configure(interfaceName, h.Addr)
}

// close ends the thread of the host, and so the processes started on it, and
// gives back its descriptors.
func (h *host) close() {
	h.thread.stop()
	for _, file := range []*os.File{h.port, h.netns} {
		if file != nil {
			_ = file.Close()
		}
	}
}

// Start starts a command inside a host, as cmd.Start does. The process gets
// SIGKILL when the fabric is closed or the owning process dies; its own
// children do not, so put those that outlive their parent into the command's
// care. Errors: [ErrUnknownHost], [ErrClosed], or the error of cmd.Start.
func (f *Fabric) Start(host string, cmd *exec.Cmd) error {
	h, err := f.host(host)
	if err != nil {
		return err
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// The signal follows the death of the starting thread, which lives as
	// long as the host does.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	var started error
	if err := h.thread.run(func() { started = cmd.Start() }); err != nil {
		return fmt.Errorf("fabric: start %s in host %q: %w", cmd.Path, host, err)
	}
	if started != nil {
		return fmt.Errorf("fabric: start in host %q: %w", host, started)
	}
	return nil
}
