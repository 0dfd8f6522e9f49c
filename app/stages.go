package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// stage is a part of the node that runs until its context ends.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// stopLimit is how long a stage may take to stop. One that takes longer hangs, and ends with the process.
const stopLimit = 30 * time.Second

// errStuck means that a stage did not stop.
var errStuck = errors.New("app: did not stop in time")

// runStages starts the stages in their order and waits for ctx to end or for one of them to return. Then
// it stops them in the reverse order, each only after the one that needs it has returned.
func runStages(ctx context.Context, stages []stage) error {
	ended := make(chan struct{}, len(stages))
	stops := make([]func() error, 0, len(stages))
	for _, s := range stages {
		alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
		var g errgroup.Group
		g.Go(func() error {
			defer func() { ended <- struct{}{} }()
			if err := s.run(alive); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return nil
		})
		stops = append(stops, func() error {
			cancel()
			done := make(chan error, 1)
			go func() { done <- g.Wait() }()
			limit := time.NewTimer(stopLimit)
			defer limit.Stop()
			select {
			case err := <-done:
				return err
			case <-limit.C:
				return fmt.Errorf("%s: %w", s.name, errStuck)
			}
		})
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var err error
	for i := len(stops) - 1; i >= 0; i-- {
		err = errors.Join(err, stops[i]())
	}
	return err
}
