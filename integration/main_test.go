//go:build integration

package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/trial"
)

var (
	runs     = flag.Int("runs", 0, "how often to repeat the fault; 0 is the number that CI takes")
	cutFor   = flag.Duration("cut", 8*time.Second, "how long a cut of the home region lasts")
	seed     = flag.Uint64("seed", 1, "seed of the workloads, and of the cases that are drawn")
	slack    = flag.Duration("slack", 0, "how much longer than their limits say things may take, on a machine that is busy")
	stallFor = flag.Duration("stall", 5*time.Second, "how long a leader is stopped in the middle of a recovery")
	faultFor = flag.Duration("fault", 4*time.Second, "how long the fault of a cell of the matrix lasts")
	goneFor  = flag.Duration("gone", 8*time.Second, "how long every node is gone")
	results  = flag.String("results", "", "directory of results: run everything that has none there yet, and not the few cases that CI draws")
	labDir   = flag.String("lab", "", "use the lab that is up in this directory, and leave it up")
)

// world is the lab that all tests share, one after the other; each leaves it healthy.
var world *trial.World

// exe is the regent binary under test.
var exe string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(within(m))
}

func within(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "regent-it-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	exe = filepath.Join(dir, "regent")
	build := exec.CommandContext(ctx, "go", "build", "-o", exe, "../cmd/regent")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fail(fmt.Errorf("build regent: %w", err))
	}
	if *labDir != "" {
		if world, err = trial.Open(ctx, *labDir, exe); err != nil {
			return fail(err)
		}
		return m.Run()
	}
	home := filepath.Join(dir, "lab")
	world, err = trial.Up(ctx, lab.Options{Dir: home, Exe: exe, Progress: os.Stderr, MySQL: mysqld.Options{Progress: os.Stderr}})
	if err != nil {
		return fail(err)
	}
	world.Slack = *slack
	code := m.Run()
	if code != 0 {
		keepLogs(home)
	}
	if err := lab.Down(ctx, home); err != nil {
		return fail(err)
	}
	return code
}

// ownLab is a lab of its own for a test, with another policy.
func ownLab(t *testing.T, policy map[string]any) (context.Context, *trial.World) {
	t.Helper()
	topology := lab.DefaultTopology()
	topology.Policy = policy
	ctx, home := t.Context(), filepath.Join(t.TempDir(), "lab")
	w, err := trial.Up(ctx, lab.Options{Dir: home, Exe: exe, Topology: topology, MySQL: mysqld.Options{Progress: os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	w.Slack = *slack
	t.Cleanup(func() {
		if t.Failed() {
			keepLogs(home)
		}
		if err := lab.Down(context.WithoutCancel(ctx), home); err != nil {
			t.Error(err)
		}
	})
	return ctx, w
}

// keepLogs saves the logs of a lab in which a test failed.
func keepLogs(home string) {
	kept := filepath.Join(os.TempDir(), "regent-integration-logs", filepath.Base(filepath.Dir(home)))
	if err := errors.Join(os.RemoveAll(kept), os.CopyFS(kept, os.DirFS(filepath.Join(home, "logs")))); err != nil {
		fmt.Fprintln(os.Stderr, "integration: keep logs:", err)
		return
	}
	fmt.Fprintln(os.Stderr, "integration: logs of the lab are in", kept)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "integration:", err)
	return 1
}

// times is how often a fault is repeated: once, unless -runs says otherwise.
func times() int { return max(1, *runs) }

// healthy gives the lab a moment to be ok before a test, and stops the test when it is not.
func healthy(t *testing.T) context.Context {
	t.Helper()
	ctx := t.Context()
	if err := world.AwaitOK(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	return ctx
}
