package main

// ofTheLeader break what keeps a leader of an earlier term from acting.
func ofTheLeader() []mutant {
	return []mutant{
		{"verify-forgotten", "the executor acts without a proof that its node still leads", []edit{{
			"executor/executor.go",
			"	if err := e.verify(ctx, s.term, s.locked); err != nil {\n",
			"	if err := ctx.Err(); err != nil {\n",
		}}},
		{"verified-before-lock", "leadership is proven before the lock is taken, not while it is held", []edit{{
			"executor/executor.go",
			"	if err := e.occupy(ctx, l, s, want); err != nil {\n		return err\n	}\n	if err := e.verify(ctx, s.term, s.locked); err != nil {\n		s.leave()\n		return err\n	}\n",
			"	if err := e.config.Leadership.Verify(ctx, time.Now()); err != nil {\n		return err\n	}\n	if err := e.occupy(ctx, l, s, want); err != nil {\n		return err\n	}\n",
		}}},
		{"lock-not-taken-over", "the lock is given to a new leader while the statement of the old one runs", []edit{{
			"sim/conn.go",
			"	x.await(st, lockWait, func() bool { return x.s.lock == nil }, func(free bool) {",
			"	x.await(st, lockWait, func() bool { return true }, func(free bool) {",
		}}},
		{"stale-term-locks", "a leader of an earlier term takes the lock from one of a later term", []edit{{
			"sim/conn.go",
			"	case held.term > x.term:\n		return",
			"	case held.term > x.term+1<<20:\n		return",
		}, {
			"sim/conn.go",
			"	return fmt.Errorf(\"%w by %s, in this very term\", errLocked, held.d.n.name)\n",
			"	return nil\n",
		}}},
		{"holder-not-ended", "the session of an earlier leader goes on when its lock is taken", []edit{{
			"sim/conn.go",
			"		x.w.displaced(held, x)\n		held.kill()\n",
			"		held.term = min(held.term, x.term)\n",
		}, {
			"sim/conn.go",
			"	x.await(st, lockWait, func() bool { return x.s.lock == nil }, func(free bool) {",
			"	x.await(st, lockWait, func() bool { return true }, func(free bool) {",
		}}},
		{"released-never", "a node that leads no more keeps its sessions and their locks for the next term", []edit{{
			"executor/executor.go",
			"if s.session != nil && s.term == term && s.session.Alive() {",
			"if s.session != nil && s.session.Alive() {",
		}, {
			"executor/executor.go",
			"	if now, leading := e.config.Leadership.Term(); !leading || now != term {\n",
			"	if _, leading := e.config.Leadership.Term(); !leading {\n",
		}, {
			"controller/controller.go",
			"			c.cfg.Servers.Release()\n",
			"",
		}}},
	}
}
