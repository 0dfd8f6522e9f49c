package guard

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// bubble runs a test in a bubble of time, with a renewer at work.
func bubble(t *testing.T, w func() *world, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		made := w()
		stop := made.run(t)
		story(t, made)
		stop()
	})
}

// pass lets time pass in a bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestLeaseIsRenewedByPermissionOfTheLeader(t *testing.T) {
	bubble(t, func() *world { return newWorld("db2", "db3") }, func(t *testing.T, w *world) {
		w.set(func() { w.claims["db2"] = "its receiver is off" }) // not asked while a leader answers
		for range 60 {
			pass(time.Second)
			if left := w.left(); left < ttl-policy.RenewEvery(ttl) || left > ttl {
				t.Fatalf("after %s the lease lasts %s more", time.Since(w.began), left)
			}
		}
		if n := len(w.renewals()); n < 59 || n > 62 {
			t.Errorf("%d renewals in a minute", n)
		}
	})
}

func TestLeaseLastsATTLFromTheReadingHoweverLateTheAnswers(t *testing.T) {
	bubble(t, func() *world { return newWorld() }, func(t *testing.T, w *world) {
		w.set(func() { w.way, w.thinks = 200*time.Millisecond, 400*time.Millisecond })
		pass(10 * time.Second)
		// Read at 200 ms of a round, known at 400 ms, permitted at 800 ms, and renewed at 1 s.
		last := w.renewals()[len(w.renewals())-1]
		ends := time.Since(w.began) + w.left()
		if want := last - 800*time.Millisecond + ttl; ends != want {
			t.Errorf("the lease ends %s after it may", ends-want)
		}
	})
}

func TestRefusalOfTheLeaderIsFinal(t *testing.T) {
	bubble(t, func() *world { return newWorld("db2") }, func(t *testing.T, w *world) {
		w.set(func() { w.leader = func() error { return fmt.Errorf("%w: recovery 1 is open", ErrRefused) } })
		pass(ttl + time.Second)
		// The first round may have come before the leader refused.
		if left := w.left(); left >= 0 {
			t.Errorf("the lease was renewed against the leader's word: %s left", left)
		}
		if w.asks() < 4 {
			t.Errorf("asked %d times: a refusal must not be the end", w.asks())
		}
	})
}

func TestFailsafeNeedsEveryCandidate(t *testing.T) {
	cases := map[string]struct {
		world func() *world
		left  bool // the lease is renewed
	}{
		"all answer without a claim": {func() *world { return newWorld("db2", "db3") }, true},
		"nobody may be promoted":     {func() *world { return newWorld() }, true},
		"one is claimed": {func() *world {
			w := newWorld("db2", "db3")
			w.claims["db3"] = "its receiver is off"
			return w
		}, false},
		"one does not answer": {func() *world {
			w := newWorld("db2", "db3")
			w.silent["db2"] = true
			return w
		}, false},
		"one is not declared": {func() *world { return newWorld("db2", "db4") }, false},
		"the policy is to fence": {func() *world {
			w := newWorld("db2", "db3")
			w.row.Serve = false
			return w
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func() *world {
				w := c.world()
				w.leader = func() error { return errSilent }
				return w
			}, func(t *testing.T, w *world) {
				pass(3 * ttl)
				if left := w.left(); (left > 0) != c.left {
					t.Errorf("%s left, renewals at %v", left, w.renewals())
				}
			})
		})
	}
}

func TestIsolatedPrimaryServesForHours(t *testing.T) {
	bubble(t, func() *world { return newWorld("db2", "db3") }, func(t *testing.T, w *world) {
		w.set(func() { w.leader = func() error { return errSilent } })
		for range isolatedFor / time.Minute {
			pass(time.Minute)
			if left := w.left(); left < ttl/2 {
				t.Fatalf("after %s the lease lasts %s more", time.Since(w.began), left)
			}
		}
		w.set(func() { w.claims["db2"] = "a leader holds its claim" })
		pass(ttl + time.Second)
		if left := w.left(); left > 0 {
			t.Errorf("renewed against a claim: %s left", left)
		}
	})
}

func TestFailsafeConnectsAgainToACandidateThatComesBack(t *testing.T) {
	bubble(t, func() *world { return newWorld("db2") }, func(t *testing.T, w *world) {
		w.set(func() {
			w.leader = func() error { return errSilent }
			w.silent["db2"] = true
		})
		pass(ttl - time.Second)
		w.set(func() { w.silent["db2"] = false })
		pass(2 * time.Second)
		if left := w.left(); left <= 0 {
			t.Errorf("the lease ran out %s ago", -left)
		}
		if w.closes("db2") == 0 {
			t.Error("the connection that did not answer was kept")
		}
	})
}

func TestNodesElsewhereRenewOnlyWhenNobodyElseDoes(t *testing.T) {
	far := func() *world {
		w := newWorld()
		w.targets[0].Near = false
		return w
	}
	bubble(t, far, func(t *testing.T, w *world) {
		for range 40 { // somebody nearby renews
			w.set(func() { w.expires = w.clock().Add(ttl) })
			pass(policy.RenewEvery(ttl))
		}
		if len(w.renewals()) != 0 || w.asks() != 0 {
			t.Errorf("renewed at %v while another node does", w.renewals())
		}
		pass(10 * ttl)
		if left := w.left(); left <= 0 {
			t.Errorf("the lease ran out %s ago", -left)
		}
	})
}

func TestStepsOfTheServersClockAreMarked(t *testing.T) {
	margin := policy.GuardMargin(ttl)
	cases := map[string]struct {
		step  time.Duration
		fault string
	}{
		"an hour back":         {-time.Hour, "its clock was set back by 1h0m0s"},
		"an hour forward":      {time.Hour, "its clock was set forward by 1h0m0s"},
		"just over the half":   {-margin/2 - time.Millisecond, "its clock was set back by 251ms"},
		"half of the margin":   {-margin / 2, ""},
		"a little, as NTP may": {50 * time.Millisecond, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func() *world { return newWorld("db2") }, func(t *testing.T, w *world) {
				pass(10*time.Second + 100*time.Millisecond)
				w.set(func() { w.offset += c.step })
				renewals := len(w.renewals())
				pass(3 * policy.RenewEvery(ttl))
				if w.fault() != c.fault {
					t.Errorf("fault %q", w.fault())
				}
				if len(w.renewals()) < renewals+2 {
					t.Error("a primary whose clock made a step is not renewed any more")
				}
				w.set(func() { w.row.Fault = "" }) // armed anew
				pass(3 * policy.RenewEvery(ttl))
				if w.fault() != "" {
					t.Errorf("one step was found twice: %q", w.fault())
				}
			})
		})
	}
}

func TestSlowAnswersAreNoStep(t *testing.T) {
	bubble(t, func() *world { return newWorld() }, func(t *testing.T, w *world) {
		for i := range 40 {
			w.set(func() { w.way = time.Duration(i%4) * 120 * time.Millisecond })
			pass(time.Second)
		}
		if w.fault() != "" {
			t.Error(w.fault())
		}
	})
}

func TestMarkThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := newKeeper(&Config{
			Connect: func(s topology.Server) Server { return &fakeServer{w, s.Name} }, Logger: slog.New(slog.DiscardHandler),
		}, w.targets[0])
		at := func() reading { return reading{clock: w.clock(), before: time.Now(), after: time.Now()} }
		k.last = at()
		pass(time.Second)
		w.offset = time.Hour
		read := *w.row
		w.row.SetVersion++ // by somebody, before it can be marked
		if err := k.judgeClock(t.Context(), &read, at()); err == nil || w.row.Fault != "" {
			t.Fatalf("%v, %q", err, w.row.Fault)
		}
		pass(time.Second)
		if err := k.judgeClock(t.Context(), w.row, at()); err != nil || w.row.Fault == "" {
			t.Errorf("a step that could not be noted was forgotten: %v", err)
		}
	})
}

func TestTargetsAreFollowed(t *testing.T) {
	bubble(t, func() *world { return newWorld() }, func(t *testing.T, w *world) {
		pass(5 * time.Second)
		w.set(func() { w.targets = nil })
		w.change <- struct{}{}
		synctest.Wait()
		before := len(w.renewals())
		pass(time.Minute)
		if len(w.renewals()) != before || w.closes("db1") != 1 {
			t.Errorf("%d renewals after the cluster was gone, %d connections closed", len(w.renewals())-before, w.closes("db1"))
		}
		w.set(func() { w.targets = newWorld().targets })
		w.change <- struct{}{}
		pass(time.Second)
		if w.left() <= 0 {
			t.Error("a cluster that came back is not looked after")
		}
	})
}

func TestRowOfTheMomentIsRenewed(t *testing.T) {
	bubble(t, func() *world { return newWorld() }, func(t *testing.T, w *world) {
		pass(5 * time.Second)
		w.set(func() { w.row = nil })
		pass(5 * time.Second)
		w.set(func() {
			w.row = newWorld().row
			w.row.SetVersion, w.expires = 8, w.clock().Add(ttl)
		})
		pass(3 * ttl)
		if left := w.left(); left <= 0 {
			t.Errorf("a row that was written anew ran out %s ago", -left)
		}
	})
}

func TestRenewerStopsInTheMiddleOfARound(t *testing.T) {
	for _, silent := range []string{"db1", "db2"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld("db2")
			w.leader = func() error { return errSilent }
			w.silent[silent] = true
			stop := w.run(t)
			pass(100 * time.Millisecond)
			began := time.Now()
			stop()
			if took := time.Since(began); took != 0 {
				t.Errorf("stopping took %s", took)
			}
			if w.closes("db1") == 0 {
				t.Error("the connection to the primary was left open")
			}
		})
	}
}
