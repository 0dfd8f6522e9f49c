package raftnode

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestRaftLogs(t *testing.T) {
	var out bytes.Buffer
	logger := newRaftLogger(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	logger.Debug("hidden")
	logger.Info("entering leader state", "servers", hclog.Fmt("%d voters", 3))
	for range 100 {
		logger.Error("failed to heartbeat", "peer", "west-1", "error", errors.New("timeout"))
	}
	logger.Named("net").Warn("other", "odd")
	got := out.String()
	if n := strings.Count(got, "failed to heartbeat"); n != 1 {
		t.Errorf("a repeated warning was written %d times", n)
	}
	for _, part := range []string{`level=INFO msg="entering leader state"`, `servers="3 voters"`, "level=WARN", "peer=west-1 error=timeout", "component=raft.net"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in\n%s", part, got)
		}
	}
	if strings.Contains(got, "hidden") {
		t.Error("a debug message was written")
	}
}
