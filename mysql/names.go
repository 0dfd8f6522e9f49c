package mysql

import (
	"slices"
	"strings"
)

// variables are the global variables that every probe reads.
func variables() []string {
	return []string{
		"binlog_expire_logs_auto_purge", "binlog_expire_logs_seconds", "binlog_format", "binlog_row_image", "binlog_row_metadata",
		"clone_valid_donor_list", "enforce_gtid_consistency", "event_scheduler", "gtid_mode", "init_file",
		"innodb_flush_log_at_trx_commit", "log_bin", "log_replica_updates", "offline_mode", "persisted_globals_load",
		"read_only", "relay_log_recovery", "replica_net_timeout", "report_host", "server_id", "server_uuid",
		"skip_replica_start", "super_read_only", "sync_binlog", "sync_relay_log", "version",
		"rpl_semi_sync_replica_enabled", "rpl_semi_sync_source_enabled", "rpl_semi_sync_source_timeout",
		"rpl_semi_sync_source_wait_for_replica_count", "rpl_semi_sync_source_wait_no_replica",
		"rpl_semi_sync_source_wait_point",
	}
}

// switches are those of the variables that are either ON or OFF and numbers to expressions.
func switches() []string {
	return []string{
		"binlog_expire_logs_auto_purge", "log_bin", "log_replica_updates", "offline_mode", "persisted_globals_load", "read_only",
		"relay_log_recovery", "rpl_semi_sync_replica_enabled", "rpl_semi_sync_source_enabled", "rpl_semi_sync_source_wait_no_replica",
		"skip_replica_start", "super_read_only",
	}
}

// statuses are the global status values that every probe reads.
func statuses() []string {
	return []string{
		"rpl_semi_sync_replica_status", "rpl_semi_sync_source_clients", "rpl_semi_sync_source_no_tx",
		"rpl_semi_sync_source_status", "rpl_semi_sync_source_wait_sessions", "rpl_semi_sync_source_yes_tx",
	}
}

// oldWords are the spellings that servers before 8.0.26 use, and that later ones up to 8.4 use
// where the old semi-sync plugins are loaded. Order matters: the first that fits wins.
func oldWords() [][2]string {
	return [][2]string{
		{"rpl_semi_sync_source_wait_for_replica_count", "rpl_semi_sync_master_wait_for_slave_count"},
		{"rpl_semi_sync_source_wait_no_replica", "rpl_semi_sync_master_wait_no_slave"},
		{"rpl_semi_sync_source_", "rpl_semi_sync_master_"},
		{"rpl_semi_sync_replica_", "rpl_semi_sync_slave_"},
		{"log_replica_updates", "log_slave_updates"},
		{"replica_net_timeout", "slave_net_timeout"},
		{"skip_replica_start", "skip_slave_start"},
	}
}

// oldName is the old spelling of a variable, the name itself where there was never another.
func oldName(name string) string {
	for _, w := range oldWords() {
		if strings.HasPrefix(name, w[0]) {
			return w[1] + strings.TrimPrefix(name, w[0])
		}
	}
	return name
}

// currentName is the current spelling of a variable.
func currentName(name string) string {
	for _, w := range oldWords() {
		if strings.HasPrefix(name, w[1]) {
			return w[0] + strings.TrimPrefix(name, w[1])
		}
	}
	return name
}

// bothNames lists names in both spellings, for a query that any version answers.
func bothNames(names []string) []string {
	out := slices.Clone(names)
	for _, n := range names {
		if old := oldName(n); old != n {
			out = append(out, old)
		}
	}
	return out
}

// inCurrentWords renames variables to the current spelling and tells which of them the server
// knows under the old one only.
func inCurrentWords(values map[string]string) (renamed map[string]string, old map[string]bool) {
	renamed, old = make(map[string]string, len(values)), map[string]bool{}
	for name, value := range values {
		current := currentName(name)
		if current == name {
			renamed[name] = value
			continue
		}
		if _, both := values[current]; !both {
			renamed[current] = value
			old[current] = true
		}
	}
	return renamed, old
}

// list writes names as a list of SQL literals.
func list(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, n := range names {
		quoted = append(quoted, quote(n))
	}
	return strings.Join(quoted, ", ")
}
