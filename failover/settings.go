package failover

import (
	"strconv"
	"strings"

	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// Unlimited is the longest semi-sync timeout a server takes, in milliseconds: 49 days.
const Unlimited = "4294967295"

// Role is what a server is to be, as far as its settings go.
type Role struct {
	Primary bool
	// Armed says that the primary's commits wait for acknowledgements. A primary is armed only
	// after its ackers are attached, so that adoption never blocks a commit.
	Armed     bool
	WaitCount int
}

// Required lists the settings that a server must have in a role. What is persisted decides how it
// boots: read-only and not replicating, until the leader says otherwise.
func Required(p policy.Policy, role Role) []Setting {
	settings := append(
		bootSettings(),
		Setting{Name: "replica_net_timeout", Value: "4"},
		Setting{Name: "binlog_row_metadata", Value: "FULL"},
	)
	if p.Durability != policy.DurabilitySemiSync {
		return settings
	}
	settings = append(
		settings,
		Setting{Name: "rpl_semi_sync_source_timeout", Value: Unlimited},
		Setting{Name: "rpl_semi_sync_source_wait_point", Value: "AFTER_SYNC"},
		Setting{Name: "rpl_semi_sync_source_wait_no_replica", Value: "ON"},
		Setting{Name: "rpl_semi_sync_source_wait_for_replica_count", Value: strconv.Itoa(max(role.WaitCount, 1))},
	)
	switch {
	case role.Primary && role.Armed:
		settings = append(
			settings,
			Setting{Name: "rpl_semi_sync_replica_enabled", Value: "OFF"},
			Setting{Name: "rpl_semi_sync_source_enabled", Value: "ON"},
		)
	case !role.Primary:
		settings = append(settings, Setting{Name: "rpl_semi_sync_source_enabled", Value: "OFF"})
	}
	return settings
}

// bootSettings have a server boot read-only and without replication. It has them in every role, also
// while it is kept apart.
func bootSettings() []Setting {
	return []Setting{
		{Name: "super_read_only", Value: "ON", PersistOnly: true},
		{Name: "skip_replica_start", Value: "ON", PersistOnly: true},
	}
}

// Differences lists the required settings that the server does not have.
func Differences(f *topology.Facts, required []Setting) []Setting {
	var out []Setting
	for _, s := range required {
		if !satisfied(f, s) {
			out = append(out, s)
		}
	}
	return out
}

func satisfied(f *topology.Facts, s Setting) bool {
	persisted := sameValue(f.Persisted[s.Name], s.Value)
	running := sameValue(f.Variables[s.Name], s.Value)
	switch {
	case s.PersistOnly:
		return persisted
	case s.Transient:
		return running
	}
	return persisted && running
}

func sameValue(have, want string) bool {
	return strings.EqualFold(have, want) || (want == "ON" && have == "1") || (want == "OFF" && have == "0")
}

// armed tells whether the settings that carry the promise about acknowledged writes were read back.
func armed(f *topology.Facts, wait int) bool {
	count, ok := f.Number("rpl_semi_sync_source_wait_for_replica_count")
	timeout, seen := f.Number("rpl_semi_sync_source_timeout")
	return f.On("rpl_semi_sync_source_enabled") && f.StatusOn("rpl_semi_sync_source_status") &&
		f.On("rpl_semi_sync_source_wait_no_replica") && ok && int(min(count, 1<<30)) >= wait &&
		strings.EqualFold(f.Variables["rpl_semi_sync_source_wait_point"], "AFTER_SYNC") &&
		seen && timeout >= 4294967295
}
