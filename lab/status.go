package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regentdb/regent/lab/daemon"
	"github.com/regentdb/regent/lab/fabric"
	"github.com/regentdb/regent/policy"
)

// Status is what runs in a lab and how to reach it.
type Status struct {
	Servers []ServerStatus `json:"servers"`
	Nodes   []NodeStatus   `json:"nodes"`
	MySQL   MySQLStatus    `json:"mysql"`
	Dir     string         `json:"dir"`
	Cluster string         `json:"cluster"`
	// Storage is where the data lies: "tmpfs" or "disk", with the file system.
	Storage string       `json:"storage"`
	Cuts    []fabric.Cut `json:"cuts"`
	Links   []Link       `json:"links"`
	// Supervisor is the process that holds the lab.
	Supervisor int `json:"supervisor"`
}

// ServerStatus is one server. Address exists only inside the lab; Socket is
// for clients on the host.
type ServerStatus struct {
	Name    string         `json:"name"`
	Region  string         `json:"region"`
	Site    string         `json:"site"`
	Address netip.AddrPort `json:"address"`
	Socket  string         `json:"socket"`
	PID     int            `json:"pid"`
	State   daemon.State   `json:"state"`
}

// NodeStatus is one node. API is for callers on the host.
type NodeStatus struct {
	ID     string       `json:"id"`
	Region string       `json:"region"`
	Site   string       `json:"site"`
	API    string       `json:"api"`
	PID    int          `json:"pid"`
	State  daemon.State `json:"state"`
}

// MySQLStatus is how to talk to the servers.
type MySQLStatus struct {
	// Client is a command that runs the mysql client of the servers' version.
	Client        string `json:"client"`
	AdminUser     string `json:"admin_user"`
	AdminPassword string `json:"admin_password"`
	AppUser       string `json:"app_user"`
	AppPassword   string `json:"app_password"`
	Version       string `json:"version"`
	Origin        string `json:"origin"`
}

// Status describes the lab as it is now.
func (l *Lab) Status() Status {
	s := Status{
		Servers: []ServerStatus{}, Nodes: []NodeStatus{},
		Dir: l.layout.dir, Cluster: l.topology.Cluster, Storage: storage(l.layout.dir),
		Cuts: append([]fabric.Cut{}, l.fabric.Cuts()...), Links: []Link{},
		MySQL: MySQLStatus{
			Client:    l.layout.client(),
			AdminUser: l.accounts.Admin.User, AdminPassword: l.accounts.Admin.Password,
			AppUser: l.accounts.Application.User, AppPassword: l.accounts.Application.Password,
			Version: l.installation.Version.String(), Origin: l.installation.Origin,
		},
	}
	for _, link := range l.fabric.Links() {
		s.Links = append(s.Links, Link{A: link.A, B: link.B, Delay: policy.Duration(link.Delay), Loss: link.Loss})
	}
	for i, server := range l.servers {
		state, pid := server.Status()
		spec := server.Spec()
		s.Servers = append(s.Servers, ServerStatus{
			Name: spec.Name, Region: l.topology.Servers[i].Region, Site: l.topology.Servers[i].Site,
			Address: spec.Address, Socket: spec.Socket, PID: pid, State: state,
		})
	}
	for _, n := range l.nodes {
		state, pid := n.Status()
		s.Nodes = append(s.Nodes, NodeStatus{ID: n.spec.ID, Region: n.spec.Region, Site: n.spec.Site, API: n.api, PID: pid, State: state})
	}
	return s
}

// storage tells a disk from memory: figures taken on one do not hold on the other.
func storage(dir string) string {
	var file unix.Statfs_t
	if err := unix.Statfs(dir, &file); err != nil {
		return "unknown (" + err.Error() + ")"
	}
	switch file.Type {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return "tmpfs"
	case unix.EXT4_SUPER_MAGIC:
		return "disk (ext4)"
	case unix.XFS_SUPER_MAGIC:
		return "disk (xfs)"
	case unix.BTRFS_SUPER_MAGIC:
		return "disk (btrfs)"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "disk (overlay)"
	default:
		return fmt.Sprintf("disk (file system 0x%x)", file.Type)
	}
}

// Way is what was measured between the applications of two regions.
type Way struct {
	A    string `json:"a"`
	B    string `json:"b"`
	Sent int    `json:"sent"`
	Lost int    `json:"lost"`
	// Round trips.
	Min    policy.Duration `json:"rtt_min"`
	Median policy.Duration `json:"rtt_median"`
	Max    policy.Duration `json:"rtt_max"`
}

// Link is what packets between two regions suffer, each way; without B, those
// of the server or node A.
type Link struct {
	A     string          `json:"a"`
	B     string          `json:"b,omitempty"`
	Delay policy.Duration `json:"delay"`
	Loss  float64         `json:"loss"`
}

// probes is how many round trips are measured on each way.
const probes = 20

// Measure measures the round trips within and between the regions.
func (l *Lab) Measure(ctx context.Context) ([]Way, error) {
	var ways []Way
	regions := l.topology.Regions()
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			rtt, err := l.fabric.MeasureRTT(ctx, clientHost(a), clientHost(b), probes)
			if err != nil {
				return nil, fmt.Errorf("lab: measure the way from %s to %s: %w", a, b, err)
			}
			ways = append(ways, Way{
				A: a, B: b, Sent: rtt.Sent, Lost: rtt.Lost,
				Min: rounded(rtt.Min), Median: rounded(rtt.Median), Max: rounded(rtt.Max),
			})
		}
	}
	return ways, nil
}

func rounded(d time.Duration) policy.Duration { return policy.Duration(d.Round(10 * time.Microsecond)) }

// Access is how to call the nodes' APIs from the host.
type Access struct {
	APIs  []string `json:"apis"`
	Token string   `json:"token"`
}

// Access answers the addresses of the APIs and the token with every role.
func (l *Lab) Access() Access { return Access{APIs: l.apis(), Token: l.token} }
