package executor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

// Severity says what a finding means for the server.
type Severity string

// Severities, the gravest first.
const (
	// Blocks: regent cannot keep its promises on the server until a person has fixed it.
	Blocks Severity = "blocks"
	// Warns: regent works, and something is weaker than it could be.
	Warns Severity = "warns"
	// Applies: regent sets it by itself when it adopts the server.
	Applies Severity = "applies"
)

// Finding is one thing about a server that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	Name     string   `json:"name"`
	Have     string   `json:"have"`
	Want     string   `json:"want"`
	Fix      string   `json:"fix"`
}

// demand is a variable that regent does not change by itself.
type demand struct {
	name, want string
	severity   Severity
	restart    bool // cannot be changed in the running server
	why        string
}

func demands() []demand {
	return []demand{
		{"gtid_mode", "ON", Blocks, true, "positions are compared by GTID"},
		{"enforce_gtid_consistency", "ON", Blocks, true, "positions are compared by GTID"},
		{"log_bin", "ON", Blocks, true, "a source needs a binary log"},
		{"log_replica_updates", "ON", Blocks, true, "a replica that is promoted must have logged what it applied"},
		{"binlog_format", "ROW", Blocks, false, "only rows can be compared after a divergence"},
		{"binlog_row_image", "FULL", Blocks, false, "only full rows can be compared after a divergence"},
		{"binlog_row_metadata", "FULL", Warns, false, "rows are compared by column name and key"},
		{"persisted_globals_load", "ON", Blocks, true, "the server must boot read-only"},
		{"sync_binlog", "1", Warns, false, "an acknowledged write may be lost with the power"},
		{"innodb_flush_log_at_trx_commit", "1", Warns, false, "an acknowledged write may be lost with the power"},
		{"sync_relay_log", "1", Warns, false, "an acknowledgement may be lost with the power of its server"},
	}
}

// Preflight lists what keeps a server from being managed, what weakens it, and which of the wanted
// settings regent will change itself. missing are privileges that regent's account lacks, unfenced
// are accounts that a fence does not stop.
func Preflight(f *topology.Facts, wanted []failover.Setting, missing, unfenced []string) []Finding {
	var out []Finding
	if old := tooOld(f.Version); old {
		out = append(out, Finding{Blocks, "version", f.Version, "8.0.23 or later", "upgrade the server"})
	}
	out = append(out, unmetDemands(f, wanted)...)
	if file := f.Variables["init_file"]; file != "" {
		out = append(out, Finding{Blocks, "init_file", file, "none", "remove init_file from the server's configuration and restart it: it could undo the read-only boot"})
	}
	for _, s := range failover.Differences(f, wanted) {
		out = append(out, settingFinding(f, s))
	}
	if len(missing) > 0 {
		out = append(out, Finding{Blocks, "privileges", "without " + strings.Join(missing, ", "), "all of them", "GRANT " + strings.Join(missing, ", ") + " ON *.* TO regent's account"})
	}
	for _, account := range unfenced {
		out = append(out, Finding{
			Warns, "unfenced account", account, "no CONNECTION_ADMIN and no SUPER for applications",
			fmt.Sprintf("REVOKE CONNECTION_ADMIN, SUPER ON *.* FROM %s, if an application uses it: it writes to a read_only server and survives offline_mode", account),
		})
	}
	return out
}

func unmetDemands(f *topology.Facts, wanted []failover.Setting) []Finding {
	var out []Finding
	for _, d := range demands() {
		own := slices.ContainsFunc(wanted, func(s failover.Setting) bool { return s.Name == d.name })
		if own || equalValue(f.Variables[d.name], d.want) {
			continue
		}
		fix := fmt.Sprintf("SET PERSIST %s = %s", d.name, d.want)
		if d.restart {
			fix = fmt.Sprintf("set %s=%s in the server's configuration and restart it", d.name, d.want)
		}
		out = append(out, Finding{d.severity, d.name, f.Variables[d.name], d.want, fix + ": " + d.why})
	}
	return out
}

func equalValue(have, want string) bool {
	switch want {
	case "ON":
		return strings.EqualFold(have, "ON") || have == "1"
	case "1":
		return have == "1" || strings.EqualFold(have, "ON")
	}
	return strings.EqualFold(have, want)
}

func settingFinding(f *topology.Facts, s failover.Setting) Finding {
	scope, have := "PERSIST", f.Variables[s.Name]
	switch {
	case s.PersistOnly:
		scope, have = "PERSIST_ONLY", f.Persisted[s.Name]
	case s.Transient:
		scope = "GLOBAL"
	}
	finding := Finding{Applies, s.Name, have, s.Value, fmt.Sprintf("regent runs SET %s %s = %s at adoption", scope, s.Name, s.Value)}
	if _, known := f.Variables[s.Name]; !known && strings.HasPrefix(s.Name, "rpl_semi_sync_") {
		finding.Fix += ", after installing the semi-sync plugins"
	}
	return finding
}

// tooOld tells a version before 8.0.23, the first with CHANGE REPLICATION SOURCE TO.
func tooOld(version string) bool {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return true
	}
	return major < 8 || (major == 8 && minor == 0 && patch < 23)
}
