package failover

import (
	"maps"
	"slices"
)

// clone copies a state deeply enough that the copy may be changed without the original noticing.
func clone(s State) State {
	s.Ackers = slices.Clone(s.Ackers)
	s.Servers = maps.Clone(s.Servers)
	if s.Servers == nil {
		s.Servers = map[string]Member{}
	}
	for name, m := range s.Servers {
		if m.Quarantine != nil {
			q := *m.Quarantine
			m.Quarantine = &q
			s.Servers[name] = m
		}
	}
	if s.Override != nil {
		o := *s.Override
		s.Override = &o
	}
	if s.Paused != nil {
		p := *s.Paused
		s.Paused = &p
	}
	if s.Recovery != nil {
		r := *s.Recovery
		r.Steps = slices.Clone(r.Steps)
		r.Evidence = slices.Clone(r.Evidence)
		r.Groups = slices.Clone(r.Groups)
		if r.Lapse != nil {
			w := *r.Lapse
			r.Lapse = &w
		}
		s.Recovery = &r
	}
	s.Failovers = slices.Clone(s.Failovers)
	if s.Guard != nil {
		g := *s.Guard
		s.Guard = &g
	}
	s.Divergences = slices.Clone(s.Divergences)
	for i := range s.Divergences {
		s.Divergences[i].Extras = maps.Clone(s.Divergences[i].Extras)
		s.Divergences[i].Copies = slices.Clone(s.Divergences[i].Copies)
		if job := s.Divergences[i].Job; job != nil {
			j := *job
			s.Divergences[i].Job = &j
		}
	}
	return s
}
