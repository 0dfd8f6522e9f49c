package main

// ofThePromise break what a client may rely on once its commit was acknowledged.
func ofThePromise() []mutant {
	return []mutant{
		{"degrade-silent", "a primary waits for no acknowledgement, and nobody is told", []edit{{
			"failover/degrade.go",
			"	d.s.Unproven = fmt.Sprintf(\"%s waits for no acknowledgement since",
			"	_ = fmt.Sprintf(\"%s waits for no acknowledgement since",
		}, {
			"failover/degrade.go",
			"	d.event(Event{Kind: \"degraded\", Decision: \"acknowledged writes are not proven\", Reason: d.s.Unproven})\n}\n\n// stopWaiting",
			"}\n\n// stopWaiting",
		}}},
		{"degrade-in-flight", "a primary counts as waiting again before it was seen to have stopped", []edit{{
			"failover/degrade.go",
			" || fp.On(\"rpl_semi_sync_source_enabled\") {",
			" {",
		}}},
		{"degrade-against-policy", "a primary without ackers stops waiting whatever its policy says", []edit{{
			"failover/degrade.go",
			"if wait == 0 || d.in.Spec.Policy.SemiSync.WhenMissing != policy.MissingDegrade {",
			"if wait == 0 || (wait < 0 && d.in.Spec.Policy.SemiSync.WhenMissing != policy.MissingDegrade) {",
		}}},
		{"degrade-never", "a primary without ackers waits for ever whatever its policy says", []edit{{
			"failover/degrade.go",
			"	if !d.shortForLong(fp, p, wait) {\n",
			"	if d.shortForLong(fp, p, wait); true {\n",
		}}},
	}
}

// ofTheReturn break what is done with a primary that is closed, or comes back.
func ofTheReturn() []mutant {
	return []mutant{
		{"reopened-unarmed", "a primary that booted is opened without having to wait for acknowledgements", []edit{{
			"failover/watch.go",
			"	if d.degraded() {\n		// What it has",
			"	if d.semiSync() {\n		// What it has",
		}, {
			"failover/watch.go",
			"Armed: d.semiSync() && !d.degraded(), WaitCount: wait})...)",
			"Armed: false, WaitCount: wait})...)",
		}}},
		{"reopened-with-tail", "a primary that booted is opened though nobody else has what it committed in that", []edit{{
			"failover/watch.go",
			"	if len(holders) < wait {\n",
			"	if len(holders) < wait-1<<20 {\n",
		}}},
		{"refusal-is-death", "a server that refuses connections counts as dead though its replicas still receive from it", []edit{{
			"topology/diagnosis.go",
			"	case len(held) > 0:\n",
			"	case len(held) > 1<<20:\n",
		}, {
			"topology/diagnosis.go",
			"	case len(lost) == 0:\n",
			"	case len(lost)+len(held) == 0:\n",
		}, {
			"failover/evidence.go",
			"			return nil, s.Name + \" still receives\"\n",
			"			dropped = append(dropped, s.Name)\n",
		}, {
			"failover/evidence.go",
			"return n.Reach == topology.ReachRefused && n.ConnectionLost && n.Refusals >= 2",
			"return n.Reach == topology.ReachRefused && n.Refusals >= 2",
		}}},
		{"offline-before-drain", "an old primary goes offline before its replicas have its last transactions", []edit{{
			"executor/fence.go",
			"		facts, err = s.Fence(ctx, patienceFor(a.Deadline))\n",
			"		if facts, err = s.GoOffline(ctx); err != nil {\n			return facts, err\n		}\n		facts, err = s.Fence(ctx, patienceFor(a.Deadline))\n",
		}}},
		{"fence-waited-for", "an ordered failover waits for a fence that commits without acknowledgements block", []edit{{
			"failover/recover.go",
			"		if fence.State == StepPending {\n			return\n",
			"		if fence.State != StepDone {\n			return\n",
		}}},
		{"pending-fence-survives", "a server is opened while a statement that makes it read-only waits in it", []edit{{
			"sim/session.go",
			"		s := x.s\n		s.endPending()\n		if missing := s.unopenable",
			"		s := x.s\n		if missing := s.unopenable",
		}}},
		{"reopened-quarantine-final", "a fenced server that takes writes again counts as one whose log is final", []edit{{
			"failover/quarantine.go",
			"			open.Fenced = open.Fenced && !f.Writable()\n",
			"",
		}}},
	}
}

// ofLostAcknowledgements break what is done about acknowledgements that nobody will repeat.
func ofLostAcknowledgements() []mutant {
	return []mutant{
		{"never-nudged", "an open primary waits for acknowledgements that were lost", []edit{{
			"failover/nudge.go",
			"	if wait := d.waitWanted(); wait > 0 && holding >= wait {",
			"	if wait := d.waitWanted(); wait > 1<<20 && holding >= wait {",
		}}},
		{"lost-acknowledgements-awaited", "a half-closed primary waits for acknowledgements that were lost", []edit{{
			"executor/unheard.go",
			"	return waitCount > 0 && attached",
			"	return waitCount > 1<<20 && attached",
		}}},
	}
}

// ofTheFiles break what is promised of the files of reports: that two nodes have them.
func ofTheFiles() []mutant {
	return []mutant{
		{"stale-copy-counts", "a copy of earlier files counts as one of those that there are", []edit{{
			"failover/copies.go",
			"return c.Node == node && c.Files == v.Files && node != v.Node",
			"return c.Node == node && node != v.Node",
		}}},
		{"change-not-counted", "a comparison changes the files of a report, and copies do not follow", []edit{{
			"failover/quarantine.go",
			"	div.changed(d.in.Now)\n	if r.Action.Kind == ActCapture {\n",
			"	if r.Action.Kind == ActCapture {\n		div.changed(d.in.Now)\n",
		}}},
		{"replay-not-counted", "a replay adds its decisions to a report, and copies do not follow", []edit{{
			"failover/job.go",
			"		d.rewound(div.Job, &r)\n		div.changed(d.in.Now)\n",
			"		d.rewound(div.Job, &r)\n",
		}}},
		{"taken-over-without-copy", "a leader works on a report of which it holds no copy", []edit{{
			"failover/copies.go",
			"	if !v.CopiedOn(d.in.Node) {\n		return false\n	}\n",
			"",
		}}},
		{"copies-forgotten", "a report that another node has a copy of cannot be worked on when its node is lost", []edit{{
			"failover/copies.go",
			"	if !v.CopiedOn(d.in.Node) {\n",
			"	if v.Node != d.in.Node {\n",
		}}},
		{"removed-while-apart", "the files of a report are removed while a server is kept apart by it", []edit{{
			"failover/copies.go",
			" || keep == 0 || d.quarantinedBy(v.ID):",
			" || keep == 0:",
		}}},
		{"removed-open", "the files of a report are removed that nobody has settled", []edit{{
			"failover/copies.go",
			"case v.State != DivergenceSettled || v.Removed ||",
			"case v.State != DivergenceSettled && v.State != DivergenceOpen || v.Removed ||",
		}}},
	}
}
