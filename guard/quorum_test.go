package guard

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneQuestionToTheQuorumForAllWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun []time.Time
		q := newQuorum(func(context.Context) error {
			begun = append(begun, time.Now())
			<-time.After(100 * time.Millisecond)
			return nil
		})
		var callers sync.WaitGroup
		for i := range 50 {
			callers.Go(func() {
				<-time.After(time.Duration(i) * time.Millisecond)
				came := time.Now()
				if err := q.verify(t.Context()); err != nil {
					t.Error(err)
				}
				// A question of which this is the answer began after the call.
				answered := time.Now().Add(-100 * time.Millisecond)
				if answered.Before(came) {
					t.Errorf("asked %s before the call", came.Sub(answered))
				}
			})
		}
		callers.Wait()
		if len(begun) != 2 {
			t.Errorf("%d questions for 50 callers of which 49 came during the first", len(begun))
		}
	})
}

func TestAnswerOfTheQuorumIsForAllAndSoIsItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errDeposed := errors.New("deposed")
		answer := make(chan error)
		q := newQuorum(func(ctx context.Context) error {
			select {
			case err := <-answer:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		got := make(chan error, 2)
		go func() { got <- q.verify(t.Context()) }()
		synctest.Wait()
		go func() { got <- q.verify(t.Context()) }()
		synctest.Wait()
		if err := q.verify(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not wait: %v", err)
		}
		answer <- errDeposed
		if err := <-got; !errors.Is(err, errDeposed) {
			t.Error(err)
		}
		if err := <-got; !errors.Is(err, context.DeadlineExceeded) { // Nobody answers the second question.
			t.Error(err)
		}
	})
}
