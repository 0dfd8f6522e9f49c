package mysql

import (
	"context"
	"fmt"

	"github.com/regentdb/regent/topology"
)

// plugin is one that a managed server needs, and a variable that exists only with it.
type plugin struct{ name, library, variable string }

func (d dialect) plugins() []plugin {
	all := []plugin{{"clone", "mysql_clone.so", "clone_valid_donor_list"}}
	if olderThan(d.version, 8, 0, 26) {
		return append(
			all,
			plugin{"rpl_semi_sync_master", "semisync_master.so", "rpl_semi_sync_source_enabled"},
			plugin{"rpl_semi_sync_slave", "semisync_slave.so", "rpl_semi_sync_replica_enabled"},
		)
	}
	return append(
		all,
		plugin{"rpl_semi_sync_source", "semisync_source.so", "rpl_semi_sync_source_enabled"},
		plugin{"rpl_semi_sync_replica", "semisync_replica.so", "rpl_semi_sync_replica_enabled"},
	)
}

// InstallPlugins installs the semi-sync and clone plugins that are missing, without writing to the
// binary log. INSTALL PLUGIN is refused under super_read_only, so a read-only server is left with
// read_only alone for the moment of the installation: applications cannot write in it.
func (s *Session) InstallPlugins(ctx context.Context) (*topology.Facts, error) {
	var missing []plugin
	for _, p := range s.last.dialect.plugins() {
		if _, ok := s.last.facts.Variables[p.variable]; !ok {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return s.last.facts, nil
	}
	fenced := s.last.facts.On("super_read_only")
	b := (&batch{}).effect("leave the binary log alone", "SET SESSION sql_log_bin = OFF")
	if fenced {
		s.lift(b)
	}
	for _, p := range missing {
		b.effect("install plugin "+p.name, fmt.Sprintf("INSTALL PLUGIN %s SONAME %s", p.name, quote(p.library)))
	}
	if fenced {
		b.effect("set super_read_only", "SET GLOBAL super_read_only = ON")
	}
	b.effect("write to the binary log again", "SET SESSION sql_log_bin = ON")
	facts, err := s.run(ctx, b)
	if err != nil && fenced && s.Alive() {
		return s.refence(ctx, err)
	}
	return facts, err
}

// refence makes the server read-only again after what super_read_only was lifted for has failed. A
// server that was cut off from applications stays so.
func (s *Session) refence(ctx context.Context, cause error) (*topology.Facts, error) {
	facts, err := s.run(ctx, s.readOnly(silence))
	if err != nil {
		return facts, fmt.Errorf("%w; and the server could not be made read-only again: %w", cause, err)
	}
	return facts, cause
}
