package failover_test

import (
	"strings"
	"testing"
	"time"
)

// script runs commands of transcripts without their output.
func (s *stage) script(commands ...string) {
	s.t.Helper()
	for _, c := range commands {
		s.run(strings.Fields(c))
	}
	s.out.Reset()
}

// until decides and acts without a word until something holds. Where nothing is asked for, a second passes.
func (s *stage) until(what string, holds func() bool) {
	s.t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		if s.tick(false); len(s.pending) == 0 {
			s.pass(time.Second)
		}
		s.carryOutAll(false)
	}
	s.t.Fatalf("%s: not seen; %s", what, s.describe(s.state))
}

// TestTailAfterManyPasses: what a returning server holds is collected however often the recovery began again before
// for other reasons.
func TestTailAfterManyPasses(t *testing.T) {
	s := &stage{t: t, world: newWorld()}
	s.look()
	s.script("server east-db2 promotion=prefer", "ready", "write east-db1 5 to east-db3", "write east-db1 1 to", "kill east-db1", "failing east-db2 catch_up always")
	s.until("it begins again many times", func() bool { return s.state.Recovery != nil && s.state.Recovery.Attempt >= 7 })
	s.script("failing east-db2 catch_up", "failing east-db2 open always")
	s.until("it opens", func() bool { return s.state.Primary == "east-db2" })
	// Nobody else is left to acknowledge but the old primary, which has one transaction more.
	s.script("kill east-db3", "start east-db1", "failing east-db2 open")
	s.until("it ends", func() bool { return s.state.Recovery == nil })
	if want := s.server("east-db1").executed; s.state.Primary != "east-db2" || !s.server("east-db2").executed.Contains(want) {
		t.Errorf("the primary is %s, and east-db2 has %s, wanted %s", s.state.Primary, s.server("east-db2").executed, want)
	}
}

// TestTailThatCannotBeHad: a recovery goes on trying to collect it, ever more rarely, and has it once it can.
func TestTailThatCannotBeHad(t *testing.T) {
	s := &stage{t: t, world: newWorld()}
	s.look()
	s.script("policy required=2", "ready", "write east-db1 5", "write east-db1 1 to east-db3", "kill east-db1", "failing east-db3 revoke always", "failing east-db2 catch_up always")
	s.until("east-db2 waits for its ackers", func() bool { return s.state.Primary == "east-db2" })
	for i, want := range []float64{5, 10, 20, 40, 80, 160, 320, 320} {
		before, attempt := s.now, s.state.Recovery.Attempt
		s.until("it begins again", func() bool { return s.state.Recovery.Attempt > attempt })
		if pause := s.now.Sub(before).Seconds(); pause < want-1 || pause > want+5 {
			t.Errorf("pass %d begins after %.1f s, wanted about %.0f", i+1, pause, want)
		}
	}
	s.script("failing east-db2 catch_up", "start east-db1")
	s.until("it ends", func() bool { return s.state.Recovery == nil })
}
