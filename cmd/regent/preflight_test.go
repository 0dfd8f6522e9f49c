package main

import (
	"strings"
	"testing"

	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/mysql"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// ready are the facts of a server that has nothing to be found.
func ready() *topology.Facts {
	on := map[string]string{
		"read_only": "ON", "super_read_only": "ON", "persisted_globals_load": "ON", "init_file": "", "gtid_mode": "ON",
		"enforce_gtid_consistency": "ON", "log_bin": "ON", "log_replica_updates": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL",
		"binlog_row_metadata": "FULL", "sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1", "sync_relay_log": "1",
		"rpl_semi_sync_source_enabled": "OFF", "rpl_semi_sync_source_timeout": "4294967295", "rpl_semi_sync_source_wait_point": "AFTER_SYNC",
		"rpl_semi_sync_source_wait_no_replica": "ON", "rpl_semi_sync_source_wait_for_replica_count": "1",
	}
	persisted := map[string]string{"super_read_only": "ON", "skip_replica_start": "ON"}
	for name, value := range on {
		if strings.HasPrefix(name, "rpl_semi_sync") {
			persisted[name] = value
		}
	}
	return &topology.Facts{Version: "9.7.4", Variables: on, Persisted: persisted}
}

// TestExamine changes one thing at a time.
func TestExamine(t *testing.T) {
	set := func(name, value string) func(*topology.Facts, *mysql.Privileges, *policy.ServerSpec) {
		return func(f *topology.Facts, _ *mysql.Privileges, _ *policy.ServerSpec) { f.Variables[name] = value }
	}
	tests := []struct {
		name   string
		change func(*topology.Facts, *mysql.Privileges, *policy.ServerSpec)
		grade  severity // empty: nothing is found
		says   string
	}{
		{"nothing", func(*topology.Facts, *mysql.Privileges, *policy.ServerSpec) {}, "", ""},
		{"no GTIDs", set("gtid_mode", "OFF"), severityError, "gtid_mode is OFF"},
		{"statements in the binary log", set("binlog_format", "MIXED"), severityError, "binlog_format is MIXED"},
		{"partial images", set("binlog_row_image", "MINIMAL"), severityError, "binlog_row_image is MINIMAL"},
		{"no metadata yet", set("binlog_row_metadata", "MINIMAL"), severityNote, "binlog_row_metadata"},
		{"an init file", set("init_file", "/etc/open.sql"), severityError, "/etc/open.sql"},
		{"persisted settings not loaded", set("persisted_globals_load", "OFF"), severityError, "boot writable"},
		{"not read-only at boot", func(f *topology.Facts, _ *mysql.Privileges, _ *policy.ServerSpec) {
			f.Persisted["super_read_only"] = "OFF"
		}, severityNote, "does not boot read-only yet"},
		{"a binary log that is not synced", set("sync_binlog", "1000"), severityWarning, "sync_binlog is 1000"},
		{"a relay log that is not synced", set("sync_relay_log", "10000"), severityNote, "power loss"},
		{"no semi-sync", func(f *topology.Facts, _ *mysql.Privileges, _ *policy.ServerSpec) {
			delete(f.Variables, "rpl_semi_sync_source_enabled")
		}, severityError, "plugins are not loaded"},
		{"a grant that is missing", func(_ *topology.Facts, p *mysql.Privileges, _ *policy.ServerSpec) {
			p.Missing = []string{"CLONE_ADMIN"}
		}, severityError, "lacks CLONE_ADMIN"},
		{"an account that nothing stops", func(_ *topology.Facts, p *mysql.Privileges, _ *policy.ServerSpec) {
			p.Unfenced = []string{"'shop'@'%'"}
		}, severityWarning, "'shop'@'%'"},
		{"an old release", func(f *topology.Facts, _ *mysql.Privileges, _ *policy.ServerSpec) { f.Version = "5.7.44" }, severityError, "5.7.44"},
		{"an older release", func(f *topology.Facts, _ *mysql.Privileges, _ *policy.ServerSpec) { f.Version = "8.0.36" }, severityWarning, "8.0.36"},
		{"a proxy", func(_ *topology.Facts, _ *mysql.Privileges, s *policy.ServerSpec) {
			s.AddressKind = policy.AddressProxy
		}, severityWarning, "proxy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			facts, rights, spec := ready(), mysql.Privileges{}, apitest.Spec().Servers[0]
			tt.change(facts, &rights, &spec)
			found := examine(spec, policy.DefaultPolicy(), facts, rights)
			if tt.grade == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			for _, f := range found {
				if f.Severity == tt.grade && strings.Contains(f.Finding, tt.says) && f.Fix != "" && f.Object == "server/east-db1" {
					return
				}
			}
			t.Errorf("no %s that says %q in %+v", tt.grade, tt.says, found)
		})
	}
}

func TestAServerThatCannotBeCapturedIsNotReconcilable(t *testing.T) {
	spec := apitest.Spec().Servers[0]
	for missing, want := range map[string]extent{"REPLICATION SLAVE": extentNo, "SELECT": extentNo, "CLONE_ADMIN": extentYes} {
		found := examine(spec, policy.DefaultPolicy(), ready(), mysql.Privileges{Missing: []string{missing}})
		if got := verdict("orders", found); got.Reconcilable != want {
			t.Errorf("without %s: %+v, want %s", missing, got, want)
		}
	}
}
