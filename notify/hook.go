package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/regentdb/regent/failover"
)

const (
	// queued is how many events wait while the executable runs.
	queued = 256
	// drainTime is how long the output of an ended executable may stay open in its children.
	drainTime = time.Second
	// outputKept is how much of its output is logged, in bytes.
	outputKept = 2 << 10
)

// Hook runs the executable for events worth a person's attention.
type Hook struct {
	command []string
	timeout time.Duration
	queue   chan failover.Event
	logger  *slog.Logger
}

// New returns a hook that runs command for at most timeout per event. Without a command every
// event is dropped.
func New(command []string, timeout time.Duration, logger *slog.Logger) *Hook {
	return &Hook{command: command, timeout: timeout, queue: make(chan failover.Event, queued), logger: logger}
}

// kinds are the kinds of events that are told.
func kinds() []string { return []string{"hold", "refusal", "failover", "override", "report"} }

// Notify queues an event if it is of a kind that is told. It never blocks.
func (h *Hook) Notify(e failover.Event) {
	if len(h.command) == 0 || !slices.Contains(kinds(), e.Kind) {
		return
	}
	select {
	case h.queue <- e:
	default:
		h.logger.Error("the notify command is too slow: an event was not told; `regent history` has it",
			"cluster", e.Cluster, "event", e.ID, "kind", e.Kind)
	}
}

// Run tells queued events until ctx ends.
func (h *Hook) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-h.queue:
			h.tell(ctx, e)
		}
	}
}

// tell runs the executable for one event and logs how that went.
func (h *Hook) tell(ctx context.Context, e failover.Event) {
	log := h.logger.With("command", h.command[0], "cluster", e.Cluster, "event", e.ID, "kind", e.Kind)
	output, err := h.run(ctx, e)
	switch {
	case err == nil:
		log.InfoContext(ctx, "notified", "status", 0)
	case ctx.Err() != nil:
		log.WarnContext(ctx, "notify was cut short by the shutdown")
	default:
		log.ErrorContext(ctx, "notify failed", "error", err, "output", output)
	}
}

func (h *Hook) run(ctx context.Context, e failover.Event) (string, error) {
	input, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("notify: encode event %s: %w", e.ID, err)
	}
	limit, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var output bytes.Buffer
	cmd := exec.CommandContext(limit, h.command[0], h.command[1:]...)
	cmd.Stdin = bytes.NewReader(append(input, '\n'))
	cmd.Stdout = &head{&output}
	cmd.Stderr = cmd.Stdout
	// In a group of its own its children can be ended with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drainTime
	err = cmd.Run()
	if err != nil && limit.Err() != nil {
		err = fmt.Errorf("notify: %s was ended after %s: %w", h.command[0], h.timeout, err)
	}
	return strings.TrimSpace(output.String()), err
}

// head keeps the beginning of an output and takes the rest without an error.
type head struct{ kept *bytes.Buffer }

func (t *head) Write(p []byte) (int, error) {
	t.kept.Write(p[:min(len(p), outputKept-t.kept.Len())])
	return len(p), nil
}
