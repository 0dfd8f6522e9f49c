package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
)

// SpecsPreview is what declaring clusters would do, before it does it.
type SpecsPreview struct {
	Summary string   `json:"summary"`
	Changes []string `json:"changes"`
	Risks   []string `json:"risks,omitempty"`
	// Fingerprint binds a confirmation to the declaration that is replaced and to the epoch.
	Fingerprint string `json:"fingerprint"`
}

// previewSpecs tells what a declaration would change, in what is declared and on the servers.
func previewSpecs(src Source, state *fsm.State, specs policy.Specs) (SpecsPreview, error) {
	p := SpecsPreview{Changes: []string{}, Fingerprint: specsFingerprint(state, specs)}
	var added, changed int
	for _, spec := range specs.Clusters {
		c, known := state.Clusters[spec.Name]
		before := map[string]string{}
		var err error
		if known {
			if before, err = flat(c.Spec); err != nil {
				return SpecsPreview{}, err
			}
		}
		after, err := flat(spec)
		if err != nil {
			return SpecsPreview{}, err
		}
		lines := differences("cluster "+spec.Name, before, after)
		switch {
		case !known:
			added++
			lines = []string{fmt.Sprintf("cluster %s: declared with %d servers, home region %s, mode %s", spec.Name, len(spec.Servers), spec.HomeRegion, spec.Mode)}
		case len(lines) > 0:
			changed++
		}
		p.Changes = append(p.Changes, lines...)
		p.Changes = append(p.Changes, serverChanges(src, &c, &spec)...)
		p.Risks = append(p.Risks, specRisks(&c, &spec)...)
	}
	before, err := flat(state.Fleet)
	if err != nil {
		return SpecsPreview{}, err
	}
	after, err := flat(specs.Fleet)
	if err != nil {
		return SpecsPreview{}, err
	}
	p.Changes = append(p.Changes, differences("fleet", before, after)...)
	p.Summary = fmt.Sprintf("%d clusters declared anew, %d changed, %d as before", added, changed, len(specs.Clusters)-added-changed)
	return p, nil
}

// serverChanges lists the settings that would be brought to each server.
func serverChanges(src Source, c *fsm.Cluster, spec *policy.ClusterSpec) []string {
	if spec.Mode == policy.ModeObserve {
		return []string{"cluster " + spec.Name + ": mode is observe, so no server is touched"}
	}
	view := src.View(*spec)
	var out []string
	for _, s := range spec.Servers {
		f := view.Current(s.Name)
		settings := failover.Required(spec.Policy, roleIn(c, spec, s.Name, f != nil && f.Writable()))
		note := ""
		if f != nil {
			settings = failover.Differences(f, settings)
		} else {
			note = ", as far as it does not have them (it is not seen yet)"
		}
		if len(settings) > 0 {
			out = append(out, fmt.Sprintf("server %s: set and persist %s%s", s.Name, settingsText(settings), note))
		}
	}
	return out
}

func settingsText(settings []failover.Setting) string {
	parts := make([]string, 0, len(settings))
	for _, s := range settings {
		text := s.Name + "=" + s.Value
		if s.PersistOnly {
			text += " (for the next boot)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func specRisks(c *fsm.Cluster, spec *policy.ClusterSpec) []string {
	var risks []string
	if spec.Mode == policy.ModeAutomatic && c.Spec.Mode != policy.ModeAutomatic {
		risks = append(risks, "cluster "+spec.Name+": its servers will boot read-only and without replication until regent opens them, also after regent is removed")
	}
	home := spec.InRegion(spec.HomeRegion)
	if spec.Policy.Durability == policy.DurabilitySemiSync && len(home)-1 == spec.Policy.SemiSync.Required {
		risks = append(risks, fmt.Sprintf("cluster %s: region %s has no spare acker: when one of %s is away, commits wait for it",
			spec.Name, spec.HomeRegion, strings.Join(home, ", ")))
	}
	if spec.Policy.Durability == policy.DurabilityAsync {
		risks = append(risks, "cluster "+spec.Name+": durability is async, so a failover may lose acknowledged transactions")
	}
	risks = append(risks, guardRisks(spec)...)
	if s, ok := spec.Find(c.State.Primary); ok && s.Region != spec.HomeRegion {
		risks = append(risks, fmt.Sprintf("cluster %s: its primary %s is in region %s, outside the home region %s", spec.Name, s.Name, s.Region, spec.HomeRegion))
	}
	return risks
}

// guardRisks says what the guard takes from the rule that losing controllers does not lose the database.
func guardRisks(spec *policy.ClusterSpec) []string {
	p := spec.Policy
	if !p.Guard.Enabled {
		return nil
	}
	within := time.Duration(p.Guard.TTL) + policy.GuardEvent + policy.GuardPatience
	risks := []string{fmt.Sprintf("cluster %s: guard.enabled is the one policy that stops a primary when no controller is alive: "+
		"it goes read-only within %s once nobody renews its lease; without the guard it would keep serving", spec.Name, within)}
	if p.OnIsolation == policy.IsolationFence {
		risks = append(risks, fmt.Sprintf("cluster %s: on_isolation is fence, so a primary whose region is cut off goes read-only within %s, and nobody replaces it by itself", spec.Name, within))
	}
	if p.AcceptPauseRisk {
		risks = append(risks, fmt.Sprintf("cluster %s: accept_pause_risk is true: a primary whose host was paused may acknowledge writes for a moment after it resumes, though another was promoted; they are captured and reported",
			spec.Name))
	}
	return risks
}

// specsFingerprint covers the declaration in force and the epoch of every cluster that is named, and
// who is seen as writable is left to the next preview.
func specsFingerprint(state *fsm.State, specs policy.Specs) string {
	h := sha256.New()
	for _, spec := range specs.Clusters {
		c := state.Clusters[spec.Name]
		version := uint64(0)
		if n := len(c.Versions); n > 0 {
			version = c.Versions[n-1].Version
		}
		_, _ = fmt.Fprintf(h, "%s %d %d %s %t\n", spec.Name, version, c.State.Epoch, c.State.Primary, c.State.Recovery != nil)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// flat lists the leaves of a value by their JSON path; elements of lists are named by their name.
func flat(v any) (map[string]string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("api: encode declaration: %w", err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, fmt.Errorf("api: decode declaration: %w", err)
	}
	out := map[string]string{}
	flatten("", tree, out)
	return out, nil
}

func flatten(path string, v any, out map[string]string) {
	switch node := v.(type) {
	case map[string]any:
		for key, child := range node {
			flatten(path+"."+key, child, out)
		}
	case []any:
		for i, child := range node {
			label := fmt.Sprint(i)
			if named, ok := child.(map[string]any); ok && named["name"] != nil {
				label = fmt.Sprint(named["name"])
			}
			flatten(path+"["+label+"]", child, out)
		}
	default:
		out[strings.TrimPrefix(path, ".")] = fmt.Sprint(v)
	}
}

func differences(what string, before, after map[string]string) []string {
	all := maps.Clone(before)
	maps.Copy(all, after)
	var out []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		b, had := before[path]
		a, has := after[path]
		switch {
		case !has:
			out = append(out, fmt.Sprintf("%s: %s: %s, no longer declared", what, path, b))
		case !had:
			out = append(out, fmt.Sprintf("%s: %s: %s, new", what, path, a))
		case a != b:
			out = append(out, fmt.Sprintf("%s: %s: %s -> %s", what, path, b, a))
		}
	}
	return out
}
