package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// trapVariable sets a trap for a node under test: VERB@POINT, or note.
//
// The points are those of package controller, such as before:commit:open or after:revoke:east-db2; one
// without the server, such as before:open, means any server. The verb kill ends the process there with
// SIGKILL, stop stops it with SIGSTOP, once; note only logs the points, as the other two do as well.
const trapVariable = "REGENT_TRAP"

// newTrap answers what the controller calls at each point, nil where no trap is set.
func newTrap(ctx context.Context, spec string, logger *slog.Logger) (func(string), error) {
	if spec == "" {
		return nil, nil
	}
	wanted, signal, err := parseTrap(spec)
	if err != nil {
		return nil, err
	}
	logger.WarnContext(ctx, "A TRAP IS SET: this node will do itself harm in the middle of a recovery; it is for tests only", "variable", trapVariable, "trap", spec)
	var sprung atomic.Bool
	return func(point string) {
		logger.InfoContext(ctx, "trap point", "point", point)
		here := point == wanted || strings.HasPrefix(point, wanted+":")
		if signal == 0 || !here || sprung.Swap(true) {
			return
		}
		logger.WarnContext(ctx, "trap sprung", "point", point, "signal", signal.String())
		strike(signal)
	}, nil
}

// parseTrap answers the point of a trap and the signal sent there, 0 where points are only noted.
func parseTrap(spec string) (point string, signal unix.Signal, err error) {
	verb, point, _ := strings.Cut(spec, "@")
	moment, what, _ := strings.Cut(point, ":")
	named := what != "" && (moment == "before" || moment == "after" || moment == "received")
	switch {
	case verb == "note" && point == "":
		return "", 0, nil
	case verb == "kill" && named:
		return point, unix.SIGKILL, nil
	case verb == "stop" && named:
		return point, unix.SIGSTOP, nil
	}
	return "", 0, usage("%s=%s is no trap; write note, or kill or stop, @, and a point such as before:open or after:commit:revoke", trapVariable, spec)
}

// strike sends a signal to this very thread: it takes effect before the call returns, where a signal to
// the process may be taken by another thread a little later.
func strike(signal unix.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), signal) // A process may always signal itself.
}
