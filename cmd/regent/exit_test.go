package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

// TestExitCodes is the contract with scripts.
func TestExitCodes(t *testing.T) {
	incomplete := func(s *shell) {
		s.withReport()
		s.world.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Divergences[0].Complete = false })
	}
	tests := []struct {
		name    string
		prepare func(*shell)
		line    string
		code    int
		says    string
	}{
		{"help", nil, "--help", codeDone, ""},
		{"no command", nil, "", codeDone, ""},
		{"a read", nil, "status", codeDone, ""},
		{"flags before and after", nil, "-o json topology orders --api URL", codeDone, ""},
		{"a preview", nil, "failover orders", codeDone, ""},
		{"an unknown command", nil, "statsu", codeUsage, "did you mean status"},
		{"an unknown command of a group", nil, "report lst", codeUsage, "regent report"},
		{"an unknown flag", nil, "status --verbose", codeUsage, "--help"},
		{"an unknown output", nil, "status -o yaml", codeUsage, "json"},
		{"too many arguments", nil, "topology a b", codeUsage, "topology [CLUSTER]"},
		{"too few arguments", nil, "failover", codeUsage, "failover CLUSTER"},
		{"a reference of the wrong type", nil, "topology server/east-db1", codeUsage, "cluster/orders"},
		{"a reference of the wrong type in a flag", nil, "failover orders --to cluster/orders", codeUsage, "server/east-db1"},
		{"a reference without a name", nil, "topology cluster/", codeUsage, "missing"},
		{"an override without a reason", nil, "failover orders --to west-db1 --override-region --ttl 15m", codeUsage, "--reason"},
		{"an override without a target", nil, "failover orders --override-region --reason x --ttl 15m", codeUsage, "--to"},
		{"an override without a limit", nil, "failover orders --to west-db1 --override-region --reason x", codeUsage, "--ttl"},
		{"powered off without a reason", nil, "failover orders --powered-off", codeUsage, "--reason"},
		{"a limit without an override", nil, "failover orders --ttl 15m", codeUsage, "--override-region"},
		{"a clone without a donor", nil, "clone east-db2", codeUsage, "--from"},
		{"a pause without a reason", nil, "pause orders", codeUsage, "--reason"},
		{"a pause of nothing", nil, "pause --reason x", codeUsage, "--all"},
		{"a note that is missing", nil, "report ack orders-d1", codeUsage, "--note"},
		{"revealing without transactions", nil, "report show orders-d1 --reveal", codeUsage, "--transactions"},
		{"an export to nowhere", nil, "report export orders-d1", codeUsage, "--out"},
		{"an export of no known format", nil, "report export orders-d1 --format pdf --out x", codeUsage, "html"},
		{"an apply of nothing", nil, "apply", codeUsage, "-f"},
		{"no token", func(s *shell) { s.token = "" }, "status", codeUsage, "REGENT_TOKEN"},
		{"no API", func(s *shell) { s.url = "" }, "status", codeUsage, "REGENT_API"},
		{"a serve without a file", nil, "serve", codeUsage, "--config"},
		{"a serve with a file that is not there", nil, "serve --config /nowhere/node.yaml", codeError, "/nowhere/node.yaml"},
		{"a check of a file that is not there", nil, "check --config /nowhere/node.yaml", codeError, "/nowhere/node.yaml"},
		{"an apply of a file that is not there", nil, "apply -f /nowhere/clusters.yaml", codeError, "/nowhere/clusters.yaml"},
		{"a token that is not known", func(s *shell) { s.token = apitest.Unknown }, "status", codeError, "tokens file"},
		{"a role that is missing", func(s *shell) { s.token = apitest.Viewer }, "failover orders", codeError, "operator"},
		{"no node", func(s *shell) { s.url = "http://127.0.0.1:1" }, "status", codeError, "REGENT_API"},
		{"no leader", func(s *shell) { s.world.Regroup(func(g *api.GroupStatus) { g.Leader = "" }) }, "failover orders", codeError, "no leader"},
		{"refused by policy", nil, "failover orders --to west-db1", codeRefused, "--override-region"},
		{"an unknown cluster", nil, "topology payments", codeNotFound, "payments"},
		{"an unknown node", nil, "leader east-9", codeNotFound, "east-9"},
		{"an unknown server", nil, "clone east-db9 --from east-db1", codeNotFound, "east-db9"},
		{"an unknown report", nil, "report show orders-d9", codeNotFound, "orders-d9"},
		{"a stale confirmation", nil, "failover orders --confirm AAAA", codeStale, "preview"},
		{"a confirmation for fewer changes", nil, "pause --all --reason x --confirm a,b", codeStale, "preview"},
		{"an incomplete report", incomplete, "report show orders-d1", codeIncomplete, "INCOMPLETE"},
		{"an incomplete report, every transaction", incomplete, "report show orders-d1 --transactions", codeIncomplete, "INCOMPLETE"},
		{"an incomplete report, exported", incomplete, "report export orders-d1 --out -", codeIncomplete, "INCOMPLETE"},
		{"an incomplete report in the list", incomplete, "report list", codeDone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShell(t)
			if tt.prepare != nil {
				tt.prepare(s)
			}
			r := s.run(strings.Fields(strings.ReplaceAll(tt.line, "URL", s.url))...)
			if r.code != tt.code {
				t.Errorf("exit %d, want %d: %s", r.code, tt.code, r.errs)
			}
			if !strings.Contains(r.errs, tt.says) {
				t.Errorf("standard error %q does not say %q", r.errs, tt.says)
			}
		})
	}
}

// TestErrorsAsJSON: a script that asks for JSON gets its errors so, on standard error.
func TestErrorsAsJSON(t *testing.T) {
	s := newShell(t)
	for line, code := range map[string]string{"topology payments -o json": "not_found", "failover -o json": "usage"} {
		r := s.run(strings.Fields(line)...)
		var e struct{ Error api.Error }
		if err := json.Unmarshal([]byte(r.errs), &e); err != nil || string(e.Error.Code) != code || r.out != "" {
			t.Errorf("%s: %q, %v", line, r.errs, err)
		}
	}
}

// exited is a command that was run for the caller.
type exited struct{ code int }

func (e exited) Error() string { return "" }
func (e exited) ExitCode() int { return e.code }

func TestExitCodeOfAnother(t *testing.T) {
	err := error(exited{code: 17})
	if exitCode(err) != 17 || !silent(err) || exitCode(fmt.Errorf("lab: %w", err)) != 17 {
		t.Error("the exit code of a command that was run is not passed on")
	}
	if exitCode(errors.New("broken")) != codeError {
		t.Error("any other error")
	}
}

// TestConfirmedByToken is the way of scripts: preview, then the same line with the token.
func TestConfirmedByToken(t *testing.T) {
	s := newShell(t)
	var offer api.Offer
	s.json(&offer, "pause", "orders", "--reason", "freeze")
	var out api.Outcome
	s.json(&out, "pause", "orders", "--reason", "freeze", "--confirm", offer.Confirm)
	if out.Outcome != "done" || out.Cluster.State != "maintenance" {
		t.Errorf("outcome %+v", out)
	}
	s.json(&offer, "resume", "--all", "--reason", "over")
	s.json(&out, "resume", "--all", "--reason", "over", "--confirm", offer.Confirm)
	if s.world.State().Clusters["orders"].State.Paused != nil {
		t.Error("still paused")
	}
}

// TestAskedAtTheTerminal is the way of people: a preview, a question, an answer.
func TestAskedAtTheTerminal(t *testing.T) {
	for answer, want := range map[string]string{"yes\n": "done", "y\n": "done", "n\n": "nothing was changed", "\n": "nothing was changed", "": "nothing was changed"} {
		s := newShell(t)
		s.interactive, s.terminal, s.in = true, true, answer
		r := s.run("pause", "orders", "--reason", "freeze")
		if r.code != codeDone || !strings.Contains(r.out, "stop all automation") || !strings.Contains(r.out, want) || !strings.Contains(r.errs, "[y/N]") {
			t.Errorf("answer %q: exit %d\n%s%s", answer, r.code, r.out, r.errs)
		}
		if paused := s.world.State().Clusters["orders"].State.Paused != nil; paused != (want == "done") {
			t.Errorf("answer %q: paused %t", answer, paused)
		}
	}
}

// TestPauseAll confirms several changes with one token, and notices when there is one more.
func TestPauseAll(t *testing.T) {
	s := newShell(t)
	users := apitest.Spec()
	users.Name = "users"
	add := func(name string) {
		s.world.Change(name, func(c *fsm.Cluster) { c.Spec = users; c.Spec.Name = name; c.State.Cluster = name })
	}
	add("users")
	var offer api.Offer
	s.json(&offer, "pause", "--all", "--reason", "freeze")
	if strings.Count(offer.Confirm, ",") != 1 || offer.ExpiresAt == nil {
		t.Fatalf("offer %+v", offer)
	}
	var outcomes []api.Outcome
	s.json(&outcomes, "pause", "--all", "--reason", "freeze", "--confirm", offer.Confirm)
	if len(outcomes) != 2 || outcomes[1].Cluster.Cluster != "users" {
		t.Errorf("outcomes %+v", outcomes)
	}
	s.json(&offer, "resume", "--all", "--reason", "over")
	add("carts")
	if r := s.run("resume", "--all", "--reason", "over", "--confirm", offer.Confirm); r.code != codeStale {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
}

// TestHeldChange: what is missing is said, and the exit code tells it from an error.
func TestHeldChange(t *testing.T) {
	s := newShell(t)
	var offer api.Offer
	s.json(&offer, "failover", "orders", "--to", "server/east-db2")
	s.world.Follows(func(c *fsm.Cluster) {
		c.State.Recovery = nil
		c.State.Hold = &failover.Hold{Since: apitest.Epoch(), Reason: "acknowledged writes could be lost without east-db3"}
	})
	r := s.run("failover", "orders", "--to", "east-db2", "--confirm", offer.Confirm)
	if r.code != codeRefused || !strings.Contains(r.errs, "without east-db3") {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
}

func TestExport(t *testing.T) {
	s := newShell(t)
	s.withReport()
	out := filepath.Join(t.TempDir(), "report.html")
	var said map[string]string
	s.json(&said, "report", "export", "orders-d1", "--format", "html", "--out", out)
	b, err := os.ReadFile(out)
	if err != nil || string(b) != "<!doctype html>" || said["file"] != out {
		t.Errorf("%q, %v, %v", b, err, said)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if r := s.run("report", "export", "orders-d1", "--out", "-"); r.out != "{\"gtid\":\"a:8\"}\n{\"gtid\":\"a:9\"}\n" || r.code != codeDone {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	if r := s.run("report", "export", "orders-d1", "--out", "/nowhere/x"); r.code != codeError || !strings.Contains(r.errs, "--out") {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
}

func TestApply(t *testing.T) {
	s := newShell(t)
	file := filepath.Join(t.TempDir(), "clusters.yaml")
	text := `clusters:
  - name: users
    home_region: west
    servers:
      - {name: u1, address: "10.2.0.1:3306", region: west, site: west-a}
      - {name: u2, address: "10.2.0.2:3306", region: west, site: west-a}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var offer api.Offer
	s.json(&offer, "apply", "-f", file, "--dry-run")
	if offer.Confirm != "" || !strings.Contains(string(offer.Preview), "declared with 2 servers") {
		t.Errorf("dry run %s", offer.Preview)
	}
	s.json(&offer, "apply", "-f", file)
	if _, declared := s.world.State().Clusters["users"]; declared {
		t.Fatal("the preview declared it")
	}
	var out api.Outcome
	s.json(&out, "apply", "-f", file, "--confirm", offer.Confirm)
	if spec := s.world.State().Clusters["users"].Spec; spec.HomeRegion != "west" || time.Duration(spec.Policy.Cooldown) != 10*time.Minute {
		t.Errorf("declared %+v", spec)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(text, "home_region: west", "home_region: north", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.run("apply", "-f", file); r.code != codeError || !strings.Contains(r.errs, "north") || !strings.Contains(r.errs, file+":3") {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
}

func TestTokenFile(t *testing.T) {
	s := newShell(t)
	s.token = ""
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(apitest.Viewer+"\nand a remark\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.run("status", "--token-file", file); r.code != codeDone {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.run("status", "--token-file", file); r.code != codeUsage {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
}
