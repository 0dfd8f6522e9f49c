package executor

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// halfClosed is a primary without read_only on which a commit waits, with that many ackers attached.
func halfClosed(clients, acknowledged string) *topology.Facts {
	f := candidate()
	f.Closing = true
	f.Variables["read_only"] = "OFF"
	f.Status["rpl_semi_sync_source_clients"] = clients
	f.Status["rpl_semi_sync_source_yes_tx"] = acknowledged
	f.Status["rpl_semi_sync_source_wait_sessions"] = "1"
	return f
}

func TestUnheardAcknowledgementsAreOnlyAssumedWithAckersAttached(t *testing.T) {
	none, closed := halfClosed("1", "7"), halfClosed("1", "7")
	none.Status["rpl_semi_sync_source_wait_sessions"] = "0"
	closed.Variables["read_only"] = "ON"
	for name, c := range map[string]struct {
		before, after *topology.Facts
		wait          int
		want          bool
	}{
		"nothing was acknowledged":   {halfClosed("1", "7"), halfClosed("2", "7"), 1, true},
		"something was":              {halfClosed("1", "7"), halfClosed("1", "8"), 1, false},
		"no acker at first":          {halfClosed("0", "7"), halfClosed("1", "7"), 1, false},
		"no acker in the end":        {halfClosed("1", "7"), halfClosed("", "7"), 1, false},
		"too few":                    {halfClosed("1", "7"), halfClosed("1", "7"), 2, false},
		"nobody is waited for":       {halfClosed("1", "7"), halfClosed("1", "7"), 0, false},
		"no commit waits any more":   {halfClosed("1", "7"), none, 1, false},
		"it was closed in the end":   {halfClosed("1", "7"), closed, 1, false},
		"it was open from the start": {guarded(), guarded(), 1, false},
	} {
		if got := unheard(c.before, c.after, c.wait); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestCommitsWhoseAcknowledgementsWereLostAreEnded(t *testing.T) {
	blocked := errors.New("read_only is blocked")
	open := failover.Action{Kind: failover.ActOpen, WaitCount: 1, Lease: order(), Deadline: time.Second}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, halfClosed("1", "7"))
		b.session.wrong["arm_closed"] = blocked
		res := b.do(t, open)
		if !strings.Contains(res.Err, ErrUnmet.Error()) || !res.Facts.ReadOnly() || res.Facts.On("offline_mode") || !res.Facts.On("rpl_semi_sync_source_enabled") {
			t.Errorf("%+v", res)
		}
		want := []string{"observe", "clock", "verify", "arm_closed epoch=3 set=7 [db2 db3] 5s", "drain", "configure rpl_semi_sync_source_enabled", "online"}
		if diff := cmp.Diff(want, b.after()); diff != "" {
			t.Error(diff)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, halfClosed("0", "7"))
		b.session.wrong["arm_closed"] = blocked
		if res := b.do(t, open); !strings.Contains(res.Err, blocked.Error()) || strings.Contains(strings.Join(b.after(), " "), "drain") {
			t.Errorf("without an acker: %+v: %v", res, b.after())
		}
	})
}

func TestNudgeIsForCommitsThatWait(t *testing.T) {
	waits := primary()
	waits.Status["rpl_semi_sync_source_wait_sessions"] = "3"
	b := newBench(t, waits)
	res := b.do(t, failover.Action{Kind: failover.ActNudge})
	if res.Err != "" || count(res.Facts, "rpl_semi_sync_source_wait_sessions") != 0 {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"observe", "nudge"}, b.after()); diff != "" {
		t.Error(diff)
	}
}
