package fabric

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrNoNamespaces is returned where network namespaces cannot be made.
	ErrNoNamespaces = errors.New("network namespaces cannot be made here")
	// ErrNoInterfaces is returned where neither a TUN device nor a veth pair can be made.
	ErrNoInterfaces = errors.New("network interfaces cannot be made here")
)

const (
	adviceRoot = "run it as root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN"
	adviceUser = "allow user namespaces to everyone (sysctl user.max_user_namespaces=15000, and where they exist " +
		"kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0)"
	adviceTUN = "let this user read and write /dev/net/tun (modprobe tun; chmod 0666 /dev/net/tun; " +
		"in a container --device /dev/net/tun)"
)

// Check tells whether this process can carry a fabric; [New] asks it too. The
// error wraps [ErrNoNamespaces] or [ErrNoInterfaces] and says what to enable.
func Check() error {
	_, err := choose()
	return err
}

// choose finds the medium that works here.
func choose() (medium, error) {
	if err := mayUnshare(); err != nil {
		return medium{}, fmt.Errorf("fabric: %w (%w): %s; or %s", ErrNoNamespaces, err, adviceRoot, adviceUser)
	}
	var failed error
	for _, m := range media() {
		err := m.try()
		if err == nil {
			return m, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", m.name, err))
	}
	return medium{}, fmt.Errorf("fabric: %w: %s:\n%w", ErrNoInterfaces, adviceTUN, failed)
}

// mayUnshare tries on a thread that it throws away.
func mayUnshare() (err error) {
	<-onFreshThread(func() { err = unix.Unshare(unix.CLONE_NEWNET) })
	return err
}

// try makes an interface in a namespace that goes at once.
func (m medium) try() (err error) {
	<-onFreshThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		var port *os.File
		if port, err = m.open(interfaceName); err == nil {
			err = port.Close()
		}
	})
	return err
}

// PrepareSupervisor readies the command of the process that will own a fabric,
// before it is started. Where this process may make network namespaces it
// changes nothing. Otherwise the command starts in a user namespace of its own,
// in which its user is root and the machine's network stays in reach, so that
// forwards work. Where that is not possible either, the error wraps
// [ErrNoNamespaces] and says what to enable.
func PrepareSupervisor(ctx context.Context, cmd *exec.Cmd) error {
	if mayUnshare() == nil {
		return nil
	}
	if err := mayCloneUser(ctx); err != nil {
		return fmt.Errorf("fabric: %w (%w): %s; or %s", ErrNoNamespaces, err, adviceUser, adviceRoot)
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	enterUserNamespace(cmd.SysProcAttr)
	return nil
}

// enterUserNamespace maps the own user and group, the only ones that an
// unprivileged process may map, to root.
func enterUserNamespace(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	attr.GidMappingsEnableSetgroups = false
}

// mayCloneUser tries with a process that does nothing. It asks for both
// namespaces at once, because some systems give the first without the rights
// for the second.
func mayCloneUser(ctx context.Context) error {
	nothing, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	probe := exec.CommandContext(ctx, nothing)
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	enterUserNamespace(probe.SysProcAttr)
	return probe.Run()
}
