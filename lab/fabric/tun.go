package fabric

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	tunDevice     = "/dev/net/tun"
	interfaceName = "fabric0"
	mtu           = 1500

	// The kernel puts a virtio header before each packet, which says how to
	// finish its checksum and how to cut it into segments. Handing it on
	// unread lets TCP cross the switch in pieces of up to 64 KiB.
	virtioHeader = 10
	maxFrame     = virtioHeader + 1<<16

	// See linux/if_tun.h: checksum, IPv4 segmentation, the latter with ECN.
	offloads = 0x01 | 0x02 | 0x08
)

// openTUN makes a layer 3 interface in the namespace of the calling thread and
// returns its other end.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunDevice, err)
	}
	if err := plug(fd, name); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make interface %s: %w", name, err)
	}
	// Only now: the runtime's poller rejects the descriptor before it has an interface.
	return os.NewFile(uintptr(fd), tunDevice), nil
}

func plug(fd int, name string) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, virtioHeader); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, offloads)
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
