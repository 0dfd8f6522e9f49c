package main

// ofTheRecord break what is agreed before it is done, and how it is taken up again.
func ofTheRecord() []mutant {
	return []mutant{
		{"act-before-commit", "actions begin before the state that wants them is committed", []edit{{
			"controller/loop.go",
			"	committed, err := l.commit(ctx, &cluster, &d, results)\n",
			"	if err := l.act(ctx, g, &cluster.Spec, &d, true); err != nil {\n		return err\n	}\n	committed, err := l.commit(ctx, &cluster, &d, results)\n",
		}}},
		{"resume-unchecked", "a new leader takes the steps that were under way for done", []edit{{
			"failover/recover.go",
			"		d.checkAgain(func(Step) bool { return r.Stage == StageRevoke })\n",
			"		for i := range r.Steps {\n			if s := &r.Steps[i]; s.State == StepPending && s.Attempt == r.Attempt {\n				s.State, s.Counts = StepDone, true\n			}\n		}\n",
		}}},
		{"outcome-of-another-pass", "the outcome of a step of an earlier pass counts for this one", []edit{{
			"failover/finish.go",
			`!strings.Contains(res.Action.ID, "/"+r.ID+"/"+fmt.Sprint(r.Attempt)+"/")`,
			`!strings.Contains(res.Action.ID, "/"+r.ID+"/")`,
		}}},
		{"abort-without-undo", "a recovery that is given up leaves receivers stopped", []edit{{
			"failover/finish.go",
			"	for _, name := range undo {\n		d.intend(ActFollow, name)\n	}\n",
			"	undo = nil\n",
		}}},
		{"abort-unchecked", "receivers are started again on servers that hold what the primary lacks", []edit{{
			"failover/recover.go",
			"a.Target = d.knownOf(r.Old)",
			"a.Target = r.Target",
		}}},
		{"fence-not-given-back", "an ordered failover that is given up leaves the old primary read-only", []edit{{
			"failover/finish.go",
			"		d.intend(ActOpen, r.Old)\n",
			"",
		}, {
			"failover/finish.go",
			"		d.unfence(r.step(ActOpen, r.Old))\n",
			"		d.s.Offline = true\n",
		}}},
		{"epoch-not-raised", "the primary changes and the epoch does not", []edit{{
			"failover/attach.go",
			"	d.s.Epoch++\n",
			"",
		}}},
		{"refusal-touches", "servers are looked after while nobody sees the primary", []edit{{
			"failover/watch.go",
			"	case topology.PrimaryUnseen, topology.PrimaryUnknown:\n		d.unseen(diag)\n",
			"	case topology.PrimaryUnseen, topology.PrimaryUnknown:\n		d.unseen(diag)\n		if p := d.in.View.Find(d.s.Primary); p != nil && p.Facts != nil {\n			d.keep(p.Facts)\n		}\n",
		}}},
	}
}
