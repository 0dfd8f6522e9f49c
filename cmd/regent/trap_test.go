package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseTrap(t *testing.T) {
	for _, c := range []struct {
		spec, point string
		signal      unix.Signal
		bad         bool
	}{
		{spec: "note"},
		{spec: "kill@before:open", point: "before:open", signal: unix.SIGKILL},
		{spec: "stop@after:revoke:east-db2", point: "after:revoke:east-db2", signal: unix.SIGSTOP},
		{spec: "kill@received:catch_up", point: "received:catch_up", signal: unix.SIGKILL},
		{spec: "kill", bad: true},
		{spec: "kill@open", bad: true},
		{spec: "kill@before:", bad: true},
		{spec: "note@before:open", bad: true},
		{spec: "explode@before:open", bad: true},
	} {
		point, signal, err := parseTrap(c.spec)
		if point != c.point || signal != c.signal || (err != nil) != c.bad {
			t.Errorf("%s: %q, %v, %v", c.spec, point, signal, err)
		}
	}
}

func TestNoTrapWithoutTheVariable(t *testing.T) {
	trap, err := newTrap(t.Context(), "", slog.New(slog.DiscardHandler))
	if trap != nil || err != nil {
		t.Errorf("a trap %t, %v", trap != nil, err)
	}
}

// TestTrapStrikesExactlyThere runs this test again in a process that walks into its trap.
func TestTrapStrikesExactlyThere(t *testing.T) {
	if os.Getenv("TRAP_CHILD") != "" {
		trap, err := newTrap(t.Context(), "kill@before:open", slog.New(slog.NewTextHandler(os.Stdout, nil)))
		if err != nil {
			t.Fatal(err)
		}
		for _, point := range []string{"before:opening:a", "after:open:a", "before:open:a", "before:open:b"} {
			trap(point)
		}
		t.Fatal("the process lives")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	child := exec.CommandContext(t.Context(), exe, "-test.run=^TestTrapStrikesExactlyThere$")
	child.Env, child.Stdout, child.Stderr = append(os.Environ(), "TRAP_CHILD=1"), &out, &out
	var exit *exec.ExitError
	if err := child.Run(); !errors.As(err, &exit) {
		t.Fatalf("the process ended with %v: %s", err, out.String())
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("the process ended with %v", exit)
	}
	for _, want := range []string{"A TRAP IS SET", "point=before:opening:a", "point=after:open:a", `msg="trap sprung" point=before:open:a`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "before:open:b") {
		t.Errorf("the process went on after its end:\n%s", out.String())
	}
}
