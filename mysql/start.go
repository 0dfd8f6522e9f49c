package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// startVariables are variables that can be set only at the start, most of them by whoever writes the command
// line or an option file.
func startVariables() []string {
	return []string{
		"basedir", "bind_address", "character_sets_dir", "datadir", "init_file", "innodb_data_home_dir", "innodb_log_group_home_dir",
		"lc_messages_dir", "log_bin_basename", "log_bin_index", "lower_case_table_names", "mysqlx_bind_address", "persisted_globals_load",
		"pid_file", "plugin_dir", "port", "relay_log_basename", "relay_log_index", "secure_file_priv", "skip_networking", "socket", "tmpdir",
	}
}

// startBatch reads where those variables come from: the command line, a file by its path, or nowhere.
func startBatch() string {
	return "SELECT i.variable_name, i.variable_source, i.variable_path, v.variable_value FROM performance_schema.variables_info i " +
		"JOIN performance_schema.global_variables v USING (variable_name) WHERE i.variable_name IN (" + list(startVariables()) + ")"
}

// startOf is one word for a start configuration, empty where the server told nothing.
func startOf(t table) string {
	if len(t.rows) == 0 {
		return ""
	}
	lines := make([]string, 0, len(t.rows))
	for _, r := range t.rows {
		lines = append(lines, strings.Join(r, "\x00"))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}
