package main

// ofRenewals break how leases are renewed.
func ofRenewals() []mutant {
	return []mutant{
		{"renewed-from-after-check", "a lease lasts from a reading of the clock after the permission", []edit{{
			"guard/keeper.go",
			"	if err := k.primary.Renew(limit, *row, until); err != nil {\n",
			"	if _, clock, err := k.primary.Read(limit); err == nil {\n		until = clock.Add(row.TTL)\n	}\n	if err := k.primary.Renew(limit, *row, until); err != nil {\n",
		}}},
		{"heartbeat-as-permission", "a node permits renewals because it believes to lead", []edit{{
			"guard/grant.go",
			"	if err := g.quorum.verify(ctx); err != nil {\n		return err\n	}\n",
			"	_ = ctx\n",
		}}},
		{"unreadable-as-unclaimed", "failsafe takes a candidate that cannot be asked for one without a claim", []edit{{
			"guard/keeper.go",
			"		return fmt.Errorf(\"%s cannot be asked whether it is claimed: %w\", name, err)\n",
			"		return nil\n",
		}}},
		{"failsafe-asks-one", "failsafe asks the first server of the candidate set alone", []edit{{
			"guard/keeper.go",
			"	for _, name := range names {\n		s := k.candidate(name)\n",
			"	for _, name := range names[:min(1, len(names))] {\n		s := k.candidate(name)\n",
		}}},
		{"failsafe-against-policy", "failsafe renews a lease whose policy is to fence", []edit{{
			"guard/keeper.go",
			"	case !row.Serve:\n",
			"	case false:\n",
		}}},
		{"lease-not-tied", "what was permitted for one row renews the row that is there", []edit{{
			"sim/renew.go",
			"		case !s.holds(row):\n",
			"		case s.guard.row == nil:\n",
		}}},
	}
}

// ofTheRow break what is agreed about the guard row, and what is known of it.
func ofTheRow() []mutant {
	return []mutant{
		{"shrink-before-commit", "a candidate leaves the row before that is agreed", []edit{{
			"failover/guard.go",
			"	g.Candidates = slices.DeleteFunc(slices.Clone(g.Candidates), func(n string) bool { return !slices.Contains(order.Candidates, n) })\n",
			"	g.Candidates = slices.Clone(g.Candidates)\n",
		}}},
		{"grow-before-write", "a candidate counts before it is in the row", []edit{{
			"failover/guard.go",
			"	g.Candidates = slices.DeleteFunc(slices.Clone(g.Candidates), func(n string) bool { return !slices.Contains(order.Candidates, n) })\n",
			"	g.Candidates = slices.Clone(order.Candidates)\n",
		}}},
		{"clock-step-ignored", "nobody notices that the clock of a server was set", []edit{{
			"guard/clock.go",
			"	if step <= margin/2 {\n",
			"	if step <= margin/2+24*time.Hour {\n",
		}, {
			"failover/guard.go",
			"	case l.TickAge < -policy.GuardMargin(g.MaxTTL)/2 || l.Remaining > g.MaxTTL+policy.GuardMargin(g.MaxTTL)/2:\n",
			"	case l.TickAge < -24*time.Hour:\n",
		}}},
		{"tick-age-ignored", "a guard counts though its event has not run for long", []edit{{
			"failover/guard.go",
			"	case l.TickAge == topology.Never || l.TickAge > topology.TickLimit:\n",
			"	case l.TickAge > 24*time.Hour:\n",
		}}},
		{"half-opening-forgotten", "a primary that was half closed, and whose opening broke off, counts as closed by hand", []edit{{
			"failover/guard.go",
			" || g.Opening || (!g.Written && g.Order.Fresh && l.SetVersion == g.Order.SetVersion)\n",
			" || g.Opening\n",
		}}},
		{"opening-forgotten", "an opening that was interrupted after its lease had begun is not taken up again", []edit{{
			"failover/guard.go",
			"	return l.Remaining <= 0 || g.Opening || (!g.Written && g.Order.Fresh && l.SetVersion == g.Order.SetVersion)\n",
			"	return l.Remaining <= 0\n",
		}}},
	}
}

// ofTheLapse break what makes a lapsed lease proof that a primary writes no more.
func ofTheLapse() []mutant {
	return []mutant{
		{"lapse-not-awaited", "a lease is cited as soon as the candidates are claimed", []edit{{
			"failover/lapse.go",
			"	return d.in.Now.Sub(r.Lapse.Since) >= d.lapseWait() && d.claimsStand()\n",
			"	return d.claimsStand()\n",
		}}},
		{"disarmed-cited", "the lease of a guard that is disarmed is cited", []edit{{
			"failover/lapse.go",
			"	case !g.Armed && !g.Opening:\n",
			"	case false:\n",
		}, {
			"failover/lapse.go",
			"	case g.Armed && w != nil && w.Facts != nil && d.askedSince(d.s.Primary, g.Since) && g.fault(w.Facts) != \"\":\n",
			"	case g.Epoch == 0 && w != nil:\n",
		}}},
		{"pause-risk-unasked", "a lease is cited though the owner accepts no risk of a pause", []edit{{
			"failover/lapse.go",
			"	case !d.in.Spec.Policy.AcceptPauseRisk:\n",
			"	case false:\n",
		}}},
	}
}
