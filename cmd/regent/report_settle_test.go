package main

import (
	"strings"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// withPlan adds the sample's report, of which every selection means one transaction.
func (s *shell) withPlan() {
	s.withReport()
	s.world.Write(apitest.Report, api.PartHandover, "{\"gtid\":\"a:8\"}\n")
	s.world.Means(1, 3)
}

func TestReplayFromTheCommandLine(t *testing.T) {
	s := newShell(t)
	s.withPlan()
	line := []string{"report", "replay", apitest.Report, "--class", "SAFE", "--table", "shop.orders", "--reason", "incident"}
	dry := s.run(append(line, "--dry-run", "-o", "table")...)
	if dry.code != codeDone || !strings.Contains(dry.out, "replay 1 transactions (3 rows)") || strings.Contains(dry.out, "--confirm") {
		t.Errorf("exit %d: %s%s", dry.code, dry.out, dry.errs)
	}
	var offer api.Offer
	s.json(&offer, line...)
	s.world.Follows(func(c *fsm.Cluster) {
		c.State.Divergences[0].Job, c.State.Divergences[0].Tally = nil, &failover.Tally{Replayed: 1}
	})
	var out api.Outcome
	s.json(&out, append(line, "--confirm", offer.Confirm)...)
	if out.Outcome != "done" {
		t.Errorf("%+v", out)
	}
	if shown := s.run("report", "show", apitest.Report, "-o", "table"); !strings.Contains(shown.out, "1 replayed, 0 already there") {
		t.Error(shown.out, shown.errs)
	}
	if left := s.run("report", "handover", apitest.Report); left.out != "{\"gtid\":\"a:8\"}\n" {
		t.Error(left.out, left.errs)
	}
}

func TestSettlingRefusals(t *testing.T) {
	for line, want := range map[string]int{
		"report replay orders-d1":                                            codeUsage,
		"report replay orders-d1 --reason x --dry-run --confirm y":           codeUsage,
		"report rewind orders-d1 --reason x":                                 codeUsage,
		"report rewind orders-d1 east-db3 --reason x":                        codeRefused,
		"report approve orders-d1 --reason x":                                codeRefused,
		"report handover orders-d1 --format xml":                             codeUsage,
		"report ack orders-d1 --note x --rest --class SAFE":                  codeUsage,
		"report replay orders-d9 --reason x":                                 codeNotFound,
		"report ack orders-d1 --note x --class SAFE --confirm stale":         codeStale,
		"report replay orders-d1 --reason x --transaction a:1 --confirm bad": codeStale,
	} {
		s := newShell(t)
		s.withPlan()
		if r := s.run(strings.Fields(line)...); r.code != want {
			t.Errorf("%s: exit %d, want %d: %s", line, r.code, want, r.errs)
		}
	}
}
