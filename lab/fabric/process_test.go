package fabric_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/fabric"
)

// role tells the test binary, started again, what to be.
const role = "FABRIC_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(role) {
	case "command line":
		err = commandLine(context.Background())
	case "supervisor":
		err = supervisor(context.Background())
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// commandLine starts a supervisor the way the lab's command does.
func commandLine(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=supervisor")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := fabric.PrepareSupervisor(ctx, cmd); err != nil {
		return err
	}
	return cmd.Run()
}

// finding is what a supervisor reports on standard output.
type finding struct {
	UID     int            `json:"uid"`
	PID     int            `json:"pid"`
	Child   int            `json:"child"` // a process inside host a.
	Forward netip.AddrPort `json:"forward"`
	RTT     fabric.RTT     `json:"rtt"`
}

// supervisor carries a fabric of two hosts until its standard input ends.
func supervisor(ctx context.Context) (err error) {
	f, err := fabric.New(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	found, err := inhabit(ctx, f)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func inhabit(ctx context.Context, f *fabric.Fabric) (finding, error) {
	found := finding{UID: os.Getuid(), PID: os.Getpid()}
	for i, name := range []string{"a", "b"} {
		addr := netip.AddrFrom4([4]byte{10, 9, byte(i), 1})
		if err := f.AddHost(ctx, fabric.Host{Name: name, Region: name, Addr: addr}); err != nil {
			return found, err
		}
	}
	if err := f.SetDelay("a", "b", 10*time.Millisecond); err != nil {
		return found, err
	}
	var err error
	if found.RTT, err = f.MeasureRTT(ctx, "a", "b", 10); err != nil {
		return found, err
	}
	echo, err := f.Listen(ctx, "b", "tcp", ":7")
	if err != nil {
		return found, err
	}
	context.AfterFunc(ctx, func() { _ = echo.Close() })
	go func() {
		if c, err := echo.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	if found.Forward, err = f.Forward(ctx, "b", 7, "127.0.0.1:0"); err != nil {
		return found, err
	}
	child := exec.CommandContext(ctx, "sleep", "1000")
	if err := f.Start("a", child); err != nil {
		return found, err
	}
	found.Child = child.Process.Pid
	return found, nil
}

// again makes the command that runs the test binary in another role, as an
// ordinary user even where the test runs as root.
func again(t *testing.T, as string) *exec.Cmd {
	t.Helper()
	self, err := os.Open("/proc/self/exe") // The directory of the binary may be closed to that user.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = self.Close() })
	cmd := exec.CommandContext(t.Context(), "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), role+"="+as)
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	return cmd
}

// launch starts a command line and reads what its supervisor found.
func launch(t *testing.T) (found finding, stop func() error) {
	t.Helper()
	cmd := again(t, "command line")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = json.NewDecoder(stdout).Decode(&found)
	stop = func() error { return errors.Join(stdin.Close(), cmd.Wait()) }
	if err != nil {
		t.Fatalf("%v, %v: %s", err, stop(), complaint.String())
	}
	return found, stop
}

func TestRootless(t *testing.T) {
	found, stop := launch(t)
	t.Logf("found %+v", found)
	if found.UID != 0 {
		t.Errorf("the supervisor has user id %d in its namespace", found.UID)
	}
	if found.RTT.Lost > 0 || found.RTT.Min < 20*time.Millisecond {
		t.Errorf("round trips: %+v", found.RTT)
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", found.Forward.String())
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, "from the machine into the namespace")
	if err := errors.Join(c.Close(), stop()); err != nil {
		t.Error(err)
	}
	await(t, func() bool { return gone(t, found.Child) })
}

func TestWithoutRightsTheErrorSaysWhatToDo(t *testing.T) {
	out, err := again(t, "supervisor").CombinedOutput() // Not prepared: no user namespace.
	if err == nil {
		t.Fatalf("an ordinary user made namespaces: %s", out)
	}
	for _, part := range []string{fabric.ErrNoNamespaces.Error(), "operation not permitted", "as root", "user.max_user_namespaces"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("the error does not say %q: %s", part, out)
		}
	}
}

func TestNothingOutlivesAKilledSupervisor(t *testing.T) {
	found, stop := launch(t)
	if gone(t, found.Child) {
		t.Fatal("the process in the host is gone too early")
	}
	if err := syscall.Kill(found.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err == nil {
		t.Error("the command line did not notice that its supervisor was killed")
	}
	await(t, func() bool { return gone(t, found.Child) })
}

// gone tells whether a process has ended, awaited by its parent or not.
func gone(t *testing.T, pid int) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(status), "State:\tZ")
}

func TestCloseLeavesNothing(t *testing.T) {
	openAndClose(t) // What the runtime opens once and for all stays.
	before := descriptors(t)
	openAndClose(t)
	await(t, func() bool { return descriptors(t) <= before })
}

func openAndClose(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := fabric.New(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	found, err := inhabit(ctx, f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return gone(t, found.Child) })
	late := fabric.Host{Name: "c", Region: "c", Addr: netip.MustParseAddr("10.9.9.9")}
	if err := f.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	for name, err := range map[string]error{
		"add host": f.AddHost(ctx, late),
		"cut":      f.Cut(fabric.Cut{A: fabric.Selector{Host: "a"}}),
		"delay":    f.SetDelay("a", "b", time.Second),
		"start":    f.Start("a", exec.CommandContext(ctx, "true")),
	} {
		if !errors.Is(err, fabric.ErrClosed) {
			t.Errorf("%s on a closed fabric: %v", name, err)
		}
	}
}

// descriptors counts what this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
