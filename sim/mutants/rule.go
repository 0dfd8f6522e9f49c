package main

// ofTheRule break who may be promoted, and on what evidence.
func ofTheRule() []mutant {
	return []mutant{
		{"no-claim", "a server is promoted though acknowledgements were not revoked", []edit{{
			"failover/recover.go",
			"if missing := append(shortfall(d.disputed(), d.counted, d.writerFenced), d.unprovenWriters()...); len(missing) > 0 {",
			"if missing := d.unprovenWriters(); len(missing) > 0 {",
		}}},
		{"timeout-as-evidence", "an acker that could not be stopped in time counts as stopped", []edit{{
			"failover/recover.go",
			`return false, "cannot be stopped: " + step.Error`,
			`return true, ""`,
		}}},
		{"pending-as-evidence", "an acker that was asked to stop counts as stopped", []edit{{
			"failover/recover.go",
			`return false, "has not stopped receiving yet"`,
			`return true, ""`,
		}}},
		{"silence-is-death", "under async a primary that is silent counts as dead", []edit{{
			"failover/evidence.go",
			"return n.Reach == topology.ReachRefused && n.ConnectionLost && n.Refusals >= 2 &&",
			"return (n.Reach == topology.ReachRefused || n.Reach == topology.ReachSilent) &&",
		}}},
		{"boot-not-proven", "under async a dead primary counts though it may boot writable", []edit{{
			"failover/evidence.go",
			"	if why := m.Witness.proven(sv.Facts); why != \"\" {\n		return nil, why\n	}\n",
			"",
		}}},
		{"rank-before-filter", "servers are ranked whether they are eligible or not", []edit{{
			"policy/candidate.go",
			"		if v.Eligible {\n			names",
			"		if v.Eligible || (v.Server != q.Primary && q.View.Current(v.Server) != nil) {\n			names",
		}}},
		{"unknown-region-eligible", "a server whose region is unknown may be promoted", []edit{{
			"policy/candidate.go",
			`return "its region is unknown"`,
			`return ""`,
		}}},
		{"wait-count-ignored", "one acker that is stopped is enough, however few a commit waits for", []edit{{
			"failover/rule.go",
			"if len(out) >= max(g.Wait, 1) {",
			"if len(out) >= max(len(g.Ackers), 1) {",
		}}},
		{"restarted-acker-counts", "an acker counts though its relay log did not survive its restart", []edit{{
			"failover/rule.go",
			`if f.On("relay_log_recovery") || !ok || sync != 1 {`,
			`if !ok && sync != 1 {`,
		}}},
	}
}

// ofTheAckers break what is known of servers that may have acknowledged, and what is made of that.
func ofTheAckers() []mutant {
	return []mutant{
		{"caught-up-at-once", "an acker counts as caught up before the primary was asked what it has", []edit{{
			"failover/ackers.go",
			"case d.askedSince(d.s.Primary, m.SeenAt) && f.Received().Contains(fp.Executed.Union(d.s.Baseline)):",
			"default:",
		}}},
		{"acker-shrinks-on-silence", "an acker that is only silent leaves the acker set", []edit{{
			"failover/ackers.go",
			"		if n.Reach != topology.ReachRefused {\n			return false\n		}\n		if n.Refusals >= 2 {",
			"		if n.Reach != topology.ReachOK {",
		}}},
		{"acker-shrinks-unheld", "an acker leaves the set though only it may hold what was acknowledged", []edit{{
			"failover/ackers.go",
			"	case d.holding(others, fp.Executed) < max(d.waitWanted(), 1):\n",
			"	case len(others) > 1<<20:\n",
		}}},
		{"acker-not-committed", "a server is made an acker and the acker set is not told", []edit{{
			"failover/watch.go",
			"		d.growAckers(server)\n",
			"",
		}}},
		{"latecomer-not-committed", "a latecomer acknowledges to a candidate and its acker set is not told", []edit{{
			"failover/attach.go",
			"		last.Ackers = r.Ackers\n",
			"		last.Wait = max(last.Wait, 1)\n",
		}}},
		{"union-dropped", "the new primary opens with what it holds itself, not with all that was acknowledged", []edit{{
			"failover/plan.go",
			"r.Candidate, r.Target = ranked[0], c.union",
			"r.Candidate, r.Target = ranked[0], c.holders[ranked[0]]",
		}}},
		{"half-done-forgotten", "a candidate whose opening was begun does not count as an earlier writer", []edit{{
			"failover/attach.go",
			"	r.Groups = append(r.Groups, AckGroup{Writer: r.Candidate, Ackers: r.Ackers, Wait: max(r.WaitCount, 1), Free: alone})\n",
			"	_ = alone\n",
		}}},
		{"unproven-ignored", "a primary is replaced though its acknowledgements are not proven", []edit{{
			"failover/rule.go",
			"	case d.s.Unproven != \"\":\n		return d.s.Unproven\n",
			"",
		}}},
		{"loss-not-bounded", "under async any loss is accepted", []edit{{
			"failover/evidence.go",
			"if r.Loss >= 0 && r.Loss <= d.in.Spec.Policy.MaxLostTransactions {",
			"if r.Loss >= -1 {",
		}}},
		{"fence-not-read-back", "an earlier writer counts as read-only without a look", []edit{{
			"failover/finish.go",
			"return writer && durable && f.ReadOnly() && !commitsWait(f)",
			"return writer && durable",
		}, {
			"failover/recover.go",
			"if f := d.facts(s.Name); !f.ReadOnly() || f.On(\"offline_mode\") {",
			"if f := d.facts(s.Name); f.On(\"offline_mode\") {",
		}}},
	}
}
