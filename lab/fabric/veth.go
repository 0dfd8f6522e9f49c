package fabric

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	vethOuter = "port0"
	// vethQueue holds what comes while the switch is not looking.
	vethQueue = 8 << 20
)

// openVeth makes one end of a veth pair in the namespace of the calling
// thread. The other end lies in a second, nameless namespace, where a packet
// socket reads and writes; the socket alone holds that namespace. It serves
// where /dev/net/tun is out of reach, as it often is without root.
//
// Without ARP an interface sends to its own hardware address. All hosts have
// the same one, so a frame fits every receiver as it is.
//
// A write only queues the packet for the processor that it runs on: packets
// that the switch hands over from two processors in quick succession may, very
// rarely, pass each other.
func openVeth(name string) (*os.File, error) {
	inner, err := os.Open(ownNamespace)
	if err != nil {
		return nil, err
	}
	defer inner.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("make the outer namespace: %w", err)
	}
	if err := addVeth(name, inner); err != nil {
		return nil, fmt.Errorf("make a veth pair: %w", err)
	}
	port, err := openPacketSocket(vethOuter)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	if err := enter(inner); err != nil {
		_ = port.Close()
		return nil, fmt.Errorf("return to the inner namespace: %w", err)
	}
	return port, nil
}

// addVeth makes the pair, one end in each namespace, and brings the outer up.
func addVeth(name string, inner *os.File) error {
	address := net.HardwareAddr{0x02, 0, 0, 0, 0, 1} // locally administered.
	outer := netlink.NewLinkAttrs()
	outer.Name, outer.MTU, outer.Flags = vethOuter, mtu, net.FlagUp
	pair := netlink.NewVeth(outer)
	pair.PeerName, pair.PeerHardwareAddr, pair.PeerMTU = name, address, mtu
	pair.PeerNamespace = netlink.NsFd(int(inner.Fd()))
	if err := netlink.LinkAdd(pair); err != nil {
		return err
	}
	return netlink.LinkSetARPOff(pair)
}

// openPacketSocket opens a socket for all frames of an interface.
func openPacketSocket(name string) (*os.File, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	const kind = unix.SOCK_RAW | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, err := unix.Socket(unix.AF_PACKET, kind, 0) // No protocol yet: nothing arrives before bind.
	if err != nil {
		return nil, err
	}
	if err := bindPacketSocket(fd, link.Index); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func bindPacketSocket(fd, link int) error {
	for _, option := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, vethQueue},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, vethQueue},
	} {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return err
		}
	}
	const ipv4 = unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8 // in network order.
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: link})
}
