package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/regentdb/regent/lab/mysqld"
)

// ClockRequest sets the clock of a server.
type ClockRequest struct {
	Server string        `json:"server"`
	Offset time.Duration `json:"offset"`
	// Real gives the server the machine's clock back.
	Real bool `json:"real,omitempty"`
}

// Clock sets the clock of a server off, in whole seconds. The first time, and
// when it gets the real clock back, the server is started again, with or without
// libfaketime, which is installed where it is missing; after that a change takes
// effect within a second, as a step of the clock does. The error wraps
// ErrUnknown for a server that the lab does not have.
func (l *Lab) Clock(ctx context.Context, request ClockRequest) error {
	s, err := l.Server(request.Server)
	if err != nil {
		return err
	}
	library := ""
	if !request.Real {
		if library, err = mysqld.FakeClock(ctx, l.installation, l.options.MySQL); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	if s.FakesClock() == request.Real {
		if err := l.restart(ctx, s, library); err != nil {
			return err
		}
	}
	if request.Real {
		return nil
	}
	return s.SetClock(request.Offset)
}

// restart ends a server in order and starts it with another clock.
func (l *Lab) restart(ctx context.Context, s *mysqld.Server, library string) error {
	ctx, cancel := context.WithTimeout(ctx, serversWithin)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		return err
	}
	if err := s.UseFakeClock(library); err != nil {
		return err
	}
	return s.Start(ctx)
}
