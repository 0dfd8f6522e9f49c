package executor

import (
	"context"
	"fmt"
	"strings"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/topology"
)

func configure(a failover.Action) step {
	return func(ctx context.Context, s Session) (*topology.Facts, error) {
		facts, err := s.Observe(ctx)
		if err != nil {
			return nil, err
		}
		if lacksPlugin(facts, a.Settings) {
			if facts, err = s.InstallPlugins(ctx); err != nil {
				return facts, err
			}
		}
		wrong := failover.Differences(facts, a.Settings)
		if len(wrong) == 0 {
			return facts, nil
		}
		persist, persistOnly, transient := scopes(wrong)
		if facts, err = s.Configure(ctx, persist, persistOnly, transient); err != nil {
			return facts, err
		}
		return facts, inEffect(facts, a.Settings)
	}
}

// lacksPlugin tells that a setting belongs to a plugin that the server has not loaded.
func lacksPlugin(f *topology.Facts, settings []failover.Setting) bool {
	for _, s := range settings {
		if _, known := f.Variables[s.Name]; !known && strings.HasPrefix(s.Name, "rpl_semi_sync_") {
			return true
		}
	}
	return false
}

// scopes sorts settings by how they are set.
func scopes(settings []failover.Setting) (persist, persistOnly, transient map[string]string) {
	persist, persistOnly, transient = map[string]string{}, map[string]string{}, map[string]string{}
	for _, s := range settings {
		switch {
		case s.PersistOnly:
			persistOnly[s.Name] = s.Value
		case s.Transient:
			transient[s.Name] = s.Value
		default:
			persist[s.Name] = s.Value
		}
	}
	return persist, persistOnly, transient
}

// inEffect makes sure that settings were read back as they should be.
func inEffect(f *topology.Facts, settings []failover.Setting) error {
	var wrong []string
	for _, s := range failover.Differences(f, settings) {
		wrong = append(wrong, fmt.Sprintf("%s is %q and persisted as %q, wanted %q", s.Name, f.Variables[s.Name], f.Persisted[s.Name], s.Value))
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: settings were set and read back otherwise: %s", ErrUnmet, strings.Join(wrong, "; "))
}
