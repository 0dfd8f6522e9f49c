package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// severity is how much a finding matters.
type severity string

// Severities.
const (
	severityError   severity = "error"   // regent cannot keep its promises with this
	severityWarning severity = "warning" // it can, and something gets worse
	severityNote    severity = "note"    // regent will change it, or it is good to know
)

// finding is one thing found by a check, with what to do about it.
type finding struct {
	Object   string   `json:"object"`
	Severity severity `json:"severity"`
	Finding  string   `json:"finding"`
	Fix      string   `json:"fix"`
	// limits says how much of a divergence could be listed with it; empty where it has no influence on that.
	limits extent
}

// examination collects the findings about one server.
type examination struct {
	server string
	facts  *topology.Facts
	found  []finding
}

func (e *examination) add(s severity, what, fix string) {
	e.found = append(e.found, finding{Object: "server/" + e.server, Severity: s, Finding: what, Fix: fix})
}

// examine judges a server by its own answers.
func examine(spec policy.ServerSpec, p policy.Policy, f *topology.Facts, rights mysql.Privileges) []finding {
	e := &examination{server: spec.Name, facts: f}
	e.release()
	e.replication()
	e.boot()
	e.reconcilable()
	e.durability(p)
	e.accounts(rights)
	e.guard(p, rights)
	if spec.AddressKind != policy.AddressDirect {
		e.add(severityWarning, fmt.Sprintf("its address is a %s: refusals there prove nothing, so process_dead is never evidence", spec.AddressKind),
			"declare the server's own address, with address_kind: direct")
	}
	return e.found
}

// release wants a release that the statements are known for.
func (e *examination) release() {
	major, minor := 0, 0
	if n, _ := fmt.Sscanf(e.facts.Version, "%d.%d", &major, &minor); n < 2 || major < 8 {
		e.add(severityError, "its version "+e.facts.Version+" is not supported", "use MySQL 8.0.23 or newer; 8.4 and 9.7 are tested")
	} else if major == 8 && minor < 4 {
		e.add(severityWarning, "its version "+e.facts.Version+" is old", "upgrade to 8.4 or newer, which is what regent is tested with")
	}
}

// wanted is a variable that must have one of some values.
type wanted struct {
	name   string
	values []string
	grade  severity
	why    string
}

func (e *examination) want(list []wanted) {
	for _, w := range list {
		have, seen := e.facts.Variables[w.name]
		if !seen || slices.ContainsFunc(w.values, func(v string) bool { return sameSetting(have, v) }) {
			continue
		}
		e.add(w.grade, fmt.Sprintf("%s is %s: %s", w.name, have, w.why), fmt.Sprintf("SET PERSIST %s = %s", w.name, w.values[0]))
		if decisive(w.name) {
			e.found[len(e.found)-1].limits = extentNo
		}
	}
}

func sameSetting(have, want string) bool {
	return strings.EqualFold(have, want) || (want == "ON" && have == "1") || (want == "OFF" && have == "0")
}

// replication wants what every replica and every later primary needs.
func (e *examination) replication() {
	e.want([]wanted{
		{"gtid_mode", []string{"ON"}, severityError, "servers are compared and re-pointed by GTID"},
		{"enforce_gtid_consistency", []string{"ON"}, severityError, "gtid_mode needs it"},
		{"log_bin", []string{"ON"}, severityError, "a server without a binary log cannot be a source"},
		{"log_replica_updates", []string{"ON"}, severityError, "a promoted server must have what it applied in its own binary log"},
	})
}

// boot asks whether the server comes up read-only, whatever stops it.
func (e *examination) boot() {
	if !e.facts.On("persisted_globals_load") {
		e.add(severityError, "persisted_globals_load is OFF: it would boot writable", "remove persisted_globals_load=OFF from its configuration and restart it")
	}
	if file := e.facts.Variables["init_file"]; file != "" {
		e.add(severityError, "init_file "+file+" runs at every boot and may open the server", "remove init_file from its configuration and restart it")
	}
	if !e.facts.BootsReadOnly() {
		e.add(severityNote, "it does not boot read-only yet", "nothing: regent persists super_read_only and skip_replica_start when the cluster is adopted")
	}
}

// reconcilable asks whether a divergence today could be listed row by row.
func (e *examination) reconcilable() {
	e.want([]wanted{
		{"binlog_format", []string{"ROW"}, severityError, "rows of other formats cannot be compared after a split"},
		{"binlog_row_image", []string{"FULL"}, severityError, "partial images cannot be compared or undone"},
		{"binlog_row_metadata", []string{"FULL"}, severityNote, "names and keys of columns are missing from the binary log until regent sets it at adoption"},
	})
}

// durability compares with what the policy promises.
func (e *examination) durability(p policy.Policy) {
	e.want([]wanted{
		{"sync_binlog", []string{"1"}, severityWarning, "a crash of the host may lose transactions that the binary log was to keep"},
		{"innodb_flush_log_at_trx_commit", []string{"1"}, severityWarning, "a crash of the host may lose committed transactions"},
	})
	if p.Durability != policy.DurabilitySemiSync {
		return
	}
	e.want([]wanted{{"sync_relay_log", []string{"1"}, severityNote, "acknowledged writes are not covered against the power loss of every acker at once"}})
	if _, seen := e.facts.Variables["rpl_semi_sync_source_enabled"]; !seen {
		e.add(severityError, "the semi-sync plugins are not loaded", "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'; INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'")
	}
	for _, s := range failover.Differences(e.facts, failover.Required(p, failover.Role{Primary: e.facts.Writable(), Armed: e.facts.Writable(), WaitCount: p.SemiSync.Required})) {
		if strings.HasPrefix(s.Name, "rpl_semi_sync") {
			e.add(severityNote, s.Name+" is not "+s.Value+" yet", "nothing: regent sets it when the cluster is adopted")
		}
	}
}

// accounts names what regent's account lacks, and the accounts that fencing does not stop.
func (e *examination) accounts(rights mysql.Privileges) {
	if len(rights.Missing) > 0 {
		missing := strings.Join(rights.Missing, ", ")
		e.add(severityError, "regent's account lacks "+missing, "GRANT "+missing+" ON *.* TO regent's account")
		if slices.ContainsFunc(rights.Missing, toReconcile) {
			e.found[len(e.found)-1].limits = extentNo
		}
	}
	if len(rights.Unfenced) > 0 {
		e.add(severityWarning, "read_only and offline_mode do not stop "+strings.Join(rights.Unfenced, ", "),
			"revoke SUPER and CONNECTION_ADMIN from accounts that applications use")
	}
}

// guard asks whether the in-server guard could be armed, where the policy wants it.
func (e *examination) guard(p policy.Policy, rights mysql.Privileges) {
	if !p.Guard.Enabled {
		return
	}
	if len(rights.MissingForGuard) > 0 {
		missing := strings.Join(rights.MissingForGuard, ", ")
		e.add(severityError, "regent's account lacks "+missing+" for the in-server guard", "GRANT "+missing+" ON regent_guard.* TO regent's account")
	}
	switch scheduler := e.facts.Variables["event_scheduler"]; scheduler {
	case "DISABLED":
		e.add(severityError, "event_scheduler is DISABLED: the in-server guard could not run", "remove event_scheduler=DISABLED from its configuration and restart it")
	case "OFF":
		e.add(severityNote, "event_scheduler is OFF: regent turns it on while the guard is armed, and every enabled event runs then", "disable the events that must not run")
	}
}
