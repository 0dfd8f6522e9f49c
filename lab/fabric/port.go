package fabric

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
)

const (
	interfaceName = "fabric0" // inside each host.
	mtu           = 1500

	// The kernel puts a virtio header before each packet, which says how to
	// finish its checksum and how to cut it into segments. Handing it on
	// unread lets TCP cross the switch in pieces of up to 64 KiB.
	virtioHeader   = 10
	ethernetHeader = 14
	maxFrame       = virtioHeader + ethernetHeader + 1<<16
)

// medium is a way to join the interface of a host to the switch. All hosts of
// a fabric use the same, so that frames pass from one to another unchanged.
type medium struct {
	name   string
	header int // bytes of a frame before the IP packet.
	// open makes the interface in the namespace of the calling thread and
	// returns the switch's end of it.
	open func(name string) (*os.File, error)
}

// media lists what is known, the cheaper first.
func media() []medium {
	return []medium{
		{name: "TUN device", header: virtioHeader, open: openTUN},
		{name: "veth pair", header: virtioHeader + ethernetHeader, open: openVeth},
	}
}

// configure gives the interface its address and the default route, in the
// namespace of the calling thread.
func configure(name string, addr netip.Addr) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	own := &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(32, 32)}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: own}); err != nil {
		return fmt.Errorf("give %s the address %v: %w", name, addr, err)
	}
	if err := netlink.LinkSetMTU(link, mtu); err != nil {
		return fmt.Errorf("set the MTU of %s: %w", name, err)
	}
	if err := netlink.LinkSetARPOff(link); err != nil {
		return fmt.Errorf("turn off ARP on %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring up %s: %w", name, err)
	}
	everywhere := &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: everywhere}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route through %s: %w", name, err)
	}
	return nil
}
