package main

// ofTheServers break what is done to servers, and in which order.
func ofTheServers() []mutant {
	return []mutant{
		{"sets-before-stop", "what an acker holds is read before its receiver is stopped", []edit{{
			"executor/fence.go",
			"	facts, err := s.StopReceiver(ctx)\n	if err != nil {\n		return nil, err // sets read before the stop prove nothing\n	}\n",
			"	before := *s.Facts()\n	facts, err := s.StopReceiver(ctx)\n	if err != nil {\n		return nil, err\n	}\n	before.Source = facts.Source\n	if s.Facts() != nil && before.Source != nil {\n		up := *facts.Source\n		up.Received = before.Executed\n		before.Source = &up\n	}\n	facts = &before\n",
		}}},
		{"receiver-not-stopped", "a revoke reports a receiver as stopped that still runs", []edit{{
			"executor/fence.go",
			"	facts, err := s.StopReceiver(ctx)\n	if err != nil {\n		return nil, err // sets",
			"	facts, err := s.Observe(ctx)\n	if up := facts.Source; err == nil && up != nil {\n		stopped := *up\n		stopped.Receiver = topology.ThreadOff\n		copied := *facts\n		copied.Source = &stopped\n		facts = &copied\n	}\n	if err != nil {\n		return nil, err // sets",
		}}},
		{"catch-up-unfinished", "a candidate counts as caught up whatever it has executed", []edit{{
			"executor/catchup.go",
			"	if missing.IsEmpty() {\n		return nil\n	}\n	what :=",
			"	if missing.Count() < 1<<62 {\n		return nil\n	}\n	what :=",
		}, {
			"failover/recover.go",
			"r.Target, r.Tail = r.Target.Union(r.Tail), r.Tail.Subtract(r.Tail)\n		d.attach()",
			"r.Target, r.Tail = step.Executed, r.Tail.Subtract(r.Tail)\n		d.attach()",
		}}},
		{"relay-log-reset", "the channel of a candidate is removed with its relay log in it", []edit{{
			"executor/promote.go",
			"s.BecomeSource(ctx, a.Target, max(left(), 0), ",
			"s.BecomeSource(ctx, a.Target, 0, ",
		}, {
			"sim/session.go",
			"	case !executed.Contains(target):\n		st.finish(fmt.Errorf(\"%w: it has executed everything that was collected\", errCondition))\n	case !executed.Contains(s.held()):\n		st.finish(fmt.Errorf(\"%w: it has executed everything that it received\", errCondition))\n	default:",
			"	case executed.IsEmpty() && !target.IsEmpty():\n		st.finish(errCondition)\n	default:",
		}}},
		{"open-without-ackers", "a new primary opens before its ackers are attached", []edit{{
			"executor/promote.go",
			"facts, err = s.Open(ctx, a.Target, a.WaitCount)",
			"facts, err = s.Open(ctx, a.Target, 0)",
		}}},
	}
}

// ofQuarantine break what is done with servers that hold more than the primary.
func ofQuarantine() []mutant {
	return []mutant{
		{"quarantine-not-entered", "a server with extra transactions is not kept apart", []edit{{
			"failover/watch.go",
			"	case !extra.IsEmpty() || commitsWait(f):\n",
			"	case commitsWait(f):\n",
		}}},
		{"extras-unchecked", "a server is pointed at its source whatever it holds", []edit{{
			"failover/watch.go",
			"	case !extra.IsEmpty() || commitsWait(f):\n",
			"	case commitsWait(f):\n",
		}, {
			"failover/watch.go",
			"		Target: fp.Executed.Union(d.s.Baseline).Union(fp.Received()),\n",
			"",
		}}},
		{"own-writes-extra", "what the primary has written since it last answered counts as extra on others", []edit{{
			"failover/quarantine.go",
			".Subtract(fp.Received()).Subtract(d.s.Baseline).Without(fp.UUID)",
			".Subtract(fp.Received()).Subtract(d.s.Baseline)",
		}}},
		{"clone-uncaptured", "a server is rebuilt before its extra transactions are captured", []edit{{
			"failover/accept.go",
			"	if why := d.unreported(o.Server); why != \"\" {\n		return refused(\"%s\", why)\n	}\n",
			"",
		}}},
		{"gains-unreported", "what a quarantined server gains after its report is in none", []edit{{
			"failover/quarantine.go",
			"	case q.Fenced && !q.Extra.Contains(extra):",
			"	case false:",
		}}},
		{"report-forgets", "a report is complete without all that was captured", []edit{{
			"failover/quarantine.go",
			"if !div.Captured.Contains(div.Union()) || (div.State == DivergenceComparing && !d.here(div)) {",
			"if div.State == DivergenceComparing && !d.here(div) {",
		}, {
			"failover/quarantine.go",
			"			// The report is written anew, so that it lists this server too.\n			div.State = DivergenceCapturing\n",
			"",
		}, {
			"failover/quarantine.go",
			"	if !div.Captured.Contains(q.Extra) {\n",
			"	if false {\n",
		}}},
		{"drain-tells", "clients of a drained server are told that their commits succeeded", []edit{{
			"sim/session.go",
			"		s.endPending()\n		s.offline()\n		mine",
			"		s.endPending()\n		mine",
		}}},
	}
}
