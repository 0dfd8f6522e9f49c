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
	// ErrNoTUN is returned where /dev/net/tun cannot be opened.
	ErrNoTUN = errors.New("network interfaces cannot be made here")
)

const (
	adviceRoot = "run it as root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN"
	adviceUser = "allow user namespaces to everyone (sysctl user.max_user_namespaces=15000, and where they exist " +
		"kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0)"
	adviceTUN = "let this user read and write /dev/net/tun (modprobe tun; chmod 0666 /dev/net/tun; " +
		"in a container --device /dev/net/tun)"
)

// Check tells whether this process can carry a fabric; [New] asks it too. The
// error wraps [ErrNoNamespaces] or [ErrNoTUN] and says what to enable.
func Check() error {
	if err := mayUnshare(); err != nil {
		return fmt.Errorf("fabric: %w (%w): %s; or %s", ErrNoNamespaces, err, adviceRoot, adviceUser)
	}
	return checkTUN()
}

// mayUnshare tries on a thread that it throws away.
func mayUnshare() (err error) {
	<-onFreshThread(func() { err = unix.Unshare(unix.CLONE_NEWNET) })
	return err
}

func checkTUN() error {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("fabric: %w (open %s: %w): %s", ErrNoTUN, tunDevice, err, adviceTUN)
	}
	_ = unix.Close(fd)
	return nil
}

// PrepareSupervisor readies the command of the process that will own a fabric,
// before it is started. Where this process may make network namespaces it
// changes nothing. Otherwise the command starts in a user namespace of its own,
// in which its user is root and the machine's network stays in reach, so that
// forwards work. The error is that of [Check] where neither is possible.
func PrepareSupervisor(ctx context.Context, cmd *exec.Cmd) error {
	if mayUnshare() == nil {
		return checkTUN()
	}
	if err := mayCloneUser(ctx); err != nil {
		return fmt.Errorf("fabric: %w (%w): %s; or %s", ErrNoNamespaces, err, adviceUser, adviceRoot)
	}
	if err := checkTUN(); err != nil {
		return err
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
