package capture_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// heavy is the files of a dead server with eight transactions of a quarter of a MiB, half of them in each file.
func heavy(t *testing.T, extra string) capture.Source {
	t.Helper()
	dir := t.TempDir()
	for i := range 2 {
		f := filestest.New(1, i*4)
		for range 4 {
			f.Transaction(256 << 10)
		}
		if i == 0 {
			f.Rotate("binlog.000002")
		}
		f.Write(t, filepath.Join(dir, fmt.Sprintf("binlog.%06d", i+1)))
	}
	return capture.Source{Endpoint: capture.Endpoint{Server: "east-db1", Files: dir}, Extra: gtid.MustParse(extra)}
}

// having is a request on a disk that has so much left.
func having(dir string, free int64, source capture.Source) capture.Request {
	r := request(dir, source)
	r.Room = func(string) (durable.Room, error) { return durable.Room{Free: free, Reserve: 1 << 20}, nil }
	return r
}

func TestNothingIsBegunThatWouldNotFit(t *testing.T) {
	const transaction = 5 * 256 << 10 // and the report about it
	for name, tt := range map[string]struct {
		extra string
		free  int64
		fits  bool
	}{
		"all":                        {uuid + ":1-8", 1<<20 + 8*transaction + 100_000, true},
		"all but a little":           {uuid + ":1-8", 1<<20 + 8*transaction, false},
		"the last of a full disk":    {uuid + ":8", 1<<20 + transaction + 100_000, true},
		"the last, and not even so":  {uuid + ":8", 1<<20 + transaction, false},
		"nothing left but a reserve": {uuid + ":8", 1 << 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m, err := capture.Capture(t.Context(), having(dir, tt.free, heavy(t, tt.extra)))
			if err != nil || m.Complete != tt.fits {
				t.Fatalf("complete %v: %s, %v", m.Complete, m.Reason, err)
			}
			if tt.fits {
				return
			}
			if !strings.Contains(m.Reason, capture.ErrRoom.Error()) || !strings.Contains(m.Reason, "1.0 MiB stay free") {
				t.Error(m.Reason)
			}
			if found, _ := filepath.Glob(filepath.Join(dir, "*binlog*")); len(found) > 0 {
				t.Errorf("%v were begun", found)
			}
			again, err := capture.Capture(t.Context(), having(dir, 1<<40, heavy(t, tt.extra)))
			if err != nil || !again.Complete {
				t.Errorf("with room: complete %v: %s, %v", again.Complete, again.Reason, err)
			}
		})
	}
}

// smallDisk names the directory of a small disk in the environment of the process that mounts it.
const smallDisk = "CAPTURE_SMALL_DISK"

// TestARealDiskThatIsTooSmall captures onto a real file system, in a mount namespace of another process so that nothing
// outlives it.
func TestARealDiskThatIsTooSmall(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		captureOnto(t, dir)
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "no space left on device") {
		t.Fatalf("%v\n%s", err, output)
	}
}

func captureOnto(t *testing.T, disk string) {
	mount := func(flags uintptr, size string) {
		t.Helper()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", flags, "size="+size); err != nil {
			t.Fatal(fmt.Errorf("mount: %w", err))
		}
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(fmt.Errorf("make mounts private: %w", err))
	}
	mount(0, "1m")
	source, dir := heavy(t, uuid+":1-8"), filepath.Join(disk, "report")
	r := request(dir, source)
	r.Room = durable.RoomAt
	m, err := capture.Capture(t.Context(), r)
	if err != nil || m.Complete || !strings.Contains(m.Reason, capture.ErrRoom.Error()) {
		t.Fatalf("refused before it began: complete %v: %s, %v", m.Complete, m.Reason, err)
	}
	r.Room = nil
	if m, err = capture.Capture(t.Context(), r); err != nil || m.Complete || !strings.Contains(m.Reason, syscall.ENOSPC.Error()) {
		t.Fatalf("broken off half-way: complete %v: %s, %v", m.Complete, m.Reason, err)
	}
	t.Log(m.Reason)
	room, err := durable.RoomAt(disk)
	if err != nil || room.Free < 900<<10 {
		t.Errorf("what was broken off still fills the disk: %+v, %v", room, err)
	}
	mount(syscall.MS_REMOUNT, "64m")
	r.Room = durable.RoomAt
	m, err = capture.Capture(t.Context(), r)
	if err != nil || !m.Complete || m.Captured.Count() != 8 {
		t.Errorf("with room: complete %v: %s, %v", m.Complete, m.Reason, err)
	}
	if err := m.Verify(dir); err != nil {
		t.Error(err)
	}
}

// TestACopyStopsAtTheReserve has somebody else fill the disk meanwhile: what came until then is kept, and the rest
// comes once there is room.
func TestACopyStopsAtTheReserve(t *testing.T) {
	dir, f := t.TempDir(), filestest.New(1, 0)
	for range 12 {
		f.Transaction(4 << 20)
	}
	logs := t.TempDir()
	f.Write(t, filepath.Join(logs, "binlog.000001"))
	source := capture.Source{Endpoint: capture.Endpoint{Server: "east-db1", Files: logs}, Extra: gtid.MustParse(uuid + ":1-12")}
	r, calls := request(dir, source), 0
	r.Room = func(string) (durable.Room, error) {
		if calls++; calls > 1 {
			return durable.Room{Free: 1 << 20}, nil
		}
		return durable.Room{Free: 1 << 40}, nil
	}
	m, err := capture.Capture(t.Context(), r)
	if n := m.Captured.Count(); err != nil || m.Complete || n == 0 || n == 12 || !strings.Contains(m.Reason, capture.ErrRoom.Error()) {
		t.Fatalf("%d captured, complete %v: %s, %v", m.Captured.Count(), m.Complete, m.Reason, err)
	}
	r.Room = nil
	if m, err = capture.Capture(t.Context(), r); err != nil || !m.Complete {
		t.Errorf("complete %v: %s, %v", m.Complete, m.Reason, err)
	}
}
