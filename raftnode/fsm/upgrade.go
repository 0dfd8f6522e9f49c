package fsm

import "github.com/regentdb/regent/policy"

// schemaKeepFor is the first schema whose specifications say how long the files of settled reports are kept. Those of
// earlier releases say nothing, which would mean for ever, until somebody applies them again.
const schemaKeepFor = 4

// upgraded is a specification that was declared under a schema, with the defaults for what that did not know.
func upgraded(spec policy.ClusterSpec, schema int) policy.ClusterSpec {
	if schema < schemaKeepFor {
		spec.Policy.Settle.KeepFor = policy.DefaultPolicy().Settle.KeepFor
	}
	return spec
}

// upgrade brings a state that was just decoded to the present schema.
func (s *State) upgrade() {
	for _, name := range s.Names() {
		c := s.Clusters[name]
		c.Spec = upgraded(c.Spec, s.Schema)
		for i := range c.Versions {
			c.Versions[i].Spec = upgraded(c.Versions[i].Spec, s.Schema)
		}
		s.Clusters[name] = c
	}
	s.Schema = Schema
}
