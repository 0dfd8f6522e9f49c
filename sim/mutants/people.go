package main

// ofPeople break what orders permit, and how long.
func ofPeople() []mutant {
	return []mutant{
		{"override-accepts-all", "an override needs no evidence against a candidate whose opening was begun before", []edit{{
			"failover/recover.go",
			"d.unprovenWriters()...); len(missing) > 0 {",
			"d.unprovenWriters()...); len(missing) > 0 && r.Kind != KindOverride {",
		}}},
		{"late-acker-counts", "a primary that an override opened alone counts as armed when an acker comes back meanwhile", []edit{{
			"failover/attach.go",
			"if r.Kind == KindOverride && wait != r.WaitCount && r.step(ActOpen, r.Candidate) == nil {",
			"if r.Kind == KindOverride && wait != r.WaitCount {",
		}}},
		{"claims-forgotten", "an order that takes a recovery over forgets whose receivers that had stopped", []edit{{
			"failover/begin.go",
			"		r.Steps = slices.DeleteFunc(slices.Clone(before.Steps), func(s Step) bool { return !before.newestClaim(s) })\n",
			"",
		}}},
		{"death-unrecorded", "that an earlier candidate is dead is used as evidence and not recorded", []edit{{
			"failover/evidence.go",
			"	for _, g := range r.Groups {\n		if !slices.Contains(writers, g.Writer) {\n",
			"	for _, g := range r.Groups {\n		if len(writers) == 0 {\n",
		}}},
		{"pause-ignored", "what is under way goes on while a person has stopped automation", []edit{{
			"failover/decide.go",
			"	case d.s.Paused != nil:\n",
			"	case d.s.Paused != nil && d.s.Recovery == nil:\n",
		}}},
		{"maintenance-endless", "a maintenance does not end by itself", []edit{{
			"failover/pause.go",
			"if !p.maintenance() || d.in.Now.Before(p.Until) {",
			"if !p.maintenance() || d.in.Now.Before(p.Until.AddDate(1, 0, 0)) {",
		}}},
	}
}

// ofTheFleet break the brakes over all clusters.
func ofTheFleet() []mutant {
	return []mutant{
		{"fleet-crowd-ignored", "clusters fail over by themselves however many lose their primary at once", []edit{{
			"failover/brake.go",
			"if f.Clusters > 1 && f.Failing > 1 && float64",
			"if f.Clusters > 1<<20 && float64",
		}}},
		{"fleet-limit-ignored", "as many recoveries are open at once as there are", []edit{{
			"failover/brake.go",
			"if f.Limits.MaxConcurrentRecoveries > 0 && f.Recovering",
			"if f.Limits.MaxConcurrentRecoveries > 1<<20 && f.Recovering",
		}}},
		{"fleet-limit-by-decision", "the brakes are looked at when a recovery is decided on, not when it is agreed", []edit{{
			"raftnode/fsm/command.go",
			"	if schema >= schemaBrakes {\n",
			"	if schema > 1<<20 {\n",
		}}},
		{"loss-not-agreed", "that a primary was lost is not agreed, so that clusters do not see each other fail", []edit{{
			"failover/brake.go",
			"		d.s.Lost, d.lostNow = &Loss{At: d.in.Now, Term: d.in.Term}, true\n",
			"		d.lostNow = false\n",
		}}},
	}
}
