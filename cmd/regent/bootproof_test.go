package main

import (
	"strings"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/policy"
)

func TestBootProof(t *testing.T) {
	async := policy.DefaultPolicy()
	async.Durability = policy.DurabilityAsync
	leased := async
	leased.Guard.Enabled, leased.AcceptPauseRisk = true, true
	for name, tt := range map[string]struct {
		policy policy.Policy
		status api.ServerStatus
		known  bool
		grade  severity
		says   string
		fix    string
	}{
		"seen":            {async, api.ServerStatus{BootProven: true}, true, severityNote, "seen, with its present", "nothing"},
		"not seen":        {async, api.ServerStatus{BootUnproven: "no boot of it was seen"}, true, severityWarning, "no boot of it was seen", "restart it once"},
		"with a lease":    {leased, api.ServerStatus{BootUnproven: "no boot of it was seen"}, true, severityWarning, "no boot", "lapse of its lease"},
		"an earlier node": {async, api.ServerStatus{}, true, severityWarning, "does not tell", "upgrade"},
		"nobody asked":    {async, api.ServerStatus{}, false, severityWarning, "not known here", "--api"},
	} {
		f := bootProof("east-db1", &tt.policy, tt.status, tt.known, "name the group with --api")
		if f.Object != "server/east-db1" || f.Severity != tt.grade || !strings.Contains(f.Finding, tt.says) || !strings.Contains(f.Fix, tt.fix) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestBootProofsAskTheGroup: under async durability every server at home is told of, and none under semi_sync.
func TestBootProofsAskTheGroup(t *testing.T) {
	s := newShell(t)
	spec := apitest.Spec()
	c := &console{env: func(key string) string { return map[string]string{"REGENT_API": s.url, "REGENT_TOKEN": s.token}[key] }}
	if found := c.bootProofs(t.Context(), &spec); len(found) != 0 {
		t.Errorf("under semi_sync: %+v", found)
	}
	spec.Policy.Durability = policy.DurabilityAsync
	found := c.bootProofs(t.Context(), &spec)
	if len(found) != 3 || found[0].Object != "server/east-db1" || !strings.Contains(found[0].Finding, "no boot of it was seen") || found[0].Severity != severityWarning {
		t.Errorf("%+v", found)
	}
	c.api = "http://127.0.0.1:1"
	if found = c.bootProofs(t.Context(), &spec); len(found) != 3 || !strings.Contains(found[0].Fix, "cannot be asked") {
		t.Errorf("without an answer: %+v", found)
	}
}
