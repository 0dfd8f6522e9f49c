package fabric

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	tunDevice = "/dev/net/tun"
	// See linux/if_tun.h: checksum, IPv4 segmentation, the latter with ECN.
	tunOffloads = 0x01 | 0x02 | 0x08
)

// openTUN makes a layer 3 interface, whose frames are IP packets, in the
// namespace of the calling thread. A write to its other end returns when the
// kernel of the host has taken the packet in, so packets cannot pass each other.
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
	return unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tunOffloads)
}
