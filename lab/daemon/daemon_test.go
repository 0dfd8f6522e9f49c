package daemon_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/regentdb/regent/lab/daemon"
)

// shell is a daemon that runs a script.
func shell(t *testing.T, script string, restartCode int) *daemon.Daemon {
	t.Helper()
	d := daemon.New(daemon.Config{
		Name: "shell", RestartCode: restartCode, Output: filepath.Join(t.TempDir(), "log"),
		Command: func() *exec.Cmd { return exec.Command("/bin/sh", "-c", script) }, //nolint:noctx // as Config asks.
	})
	t.Cleanup(func() { _ = d.Kill() })
	return d
}

func start(t *testing.T, d *daemon.Daemon) *daemon.Run {
	t.Helper()
	run, err := d.Start()
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestProcessIsStartedAgainWhenItAsks(t *testing.T) {
	t.Parallel()
	runs := filepath.Join(t.TempDir(), "runs")
	// It asks twice, and ends for good the third time.
	d := shell(t, `echo >> `+runs+`; [ $(wc -l < `+runs+`) -lt 3 ] && exit 16; exit 3`, 16)
	run := start(t, d)
	<-run.Ended()
	var exit *exec.ExitError
	if !errors.As(run.Err(), &exit) || exit.ExitCode() != 3 {
		t.Errorf("the last run ended with %v", run.Err())
	}
	text, err := os.ReadFile(runs)
	if err != nil || string(text) != "\n\n\n" {
		t.Errorf("runs %q, %v", text, err)
	}
	if state, pid := d.Status(); state != daemon.Down || pid != 0 {
		t.Errorf("after its end: %s, pid %d", state, pid)
	}
}

func TestKilledProcessStaysDown(t *testing.T) {
	t.Parallel()
	d := shell(t, "exec sleep 1000", 137)
	first := start(t, d)
	if again := start(t, d); again != first {
		t.Error("starting a running daemon began another life")
	}
	if err := d.Pause(); err != nil {
		t.Fatal(err)
	}
	if state, _ := d.Status(); state != daemon.Paused {
		t.Errorf("after a pause: %s", state)
	}
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	if state, pid := d.Status(); state != daemon.Down || pid != 0 {
		t.Errorf("after a kill: %s, pid %d", state, pid)
	}
	if err := errors.Join(d.Kill(), d.Stop(t.Context())); err != nil {
		t.Errorf("ending a daemon that is down: %v", err)
	}
	if err := d.Resume(); !errors.Is(err, daemon.ErrDown) {
		t.Errorf("resuming a daemon that is down: %v", err)
	}
}

func TestStartReportsWhatCannotRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := daemon.New(daemon.Config{
		Name: "gone", Output: filepath.Join(dir, "log"),
		Command: func() *exec.Cmd { return exec.Command(filepath.Join(dir, "gone")) }, //nolint:noctx // as Config asks.
	})
	if _, err := d.Start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("starting a missing program gave %v", err)
	}
}
