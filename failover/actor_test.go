package failover_test

import (
	"fmt"
	"maps"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

// carryOut does what an action asks for, the way the executor would, and queues the outcome.
func (w *world) carryOut(a failover.Action) failover.Result {
	res := failover.Result{Action: a, At: w.clock(), By: w.leader}
	if s := w.server(a.Server); s != nil && s.up && !s.hung {
		res.Session = w.session(s)
	}
	err := w.effect(&res)
	if err != nil {
		res.Err = err.Error()
	} else if s := w.server(a.Server); s != nil && res.Report == nil {
		w.settleThreads()
		res.Facts = w.facts(s)
	}
	w.results = append(w.results, res)
	return res
}

func (w *world) effect(res *failover.Result) error {
	a := res.Action
	s := w.server(a.Server)
	if text, fails := s.failures[a.Kind]; fails {
		if text != "always" {
			delete(s.failures, a.Kind)
		}
		return fmt.Errorf("%s %s: %s", a.Kind, a.Server, text)
	}
	switch {
	case a.Kind == failover.ActCapture || a.Kind == failover.ActCompare:
		res.Report = report(a)
		return nil
	case !s.up:
		return fmt.Errorf("%s %s: connection refused", a.Kind, a.Server)
	case s.hung || !w.connected(w.leader, s.Name):
		return fmt.Errorf("%s %s: no answer within %s", a.Kind, a.Server, a.Deadline)
	}
	if err := w.guardEffect(s, a); err != nil {
		return err
	}
	switch a.Kind {
	case failover.ActConfigure, failover.ActRetain:
		s.configure(a.Settings)
	case failover.ActFence:
		s.variables["read_only"], s.variables["super_read_only"] = "ON", "ON"
	case failover.ActRevoke:
		s.receiver = false
	case failover.ActCatchUp:
		return w.catchUp(s, a)
	case failover.ActPrepare:
		return s.prepare(a)
	case failover.ActFollow:
		return w.follow(s, a)
	case failover.ActOpen:
		return w.open(s, a)
	case failover.ActQuarantine:
		s.variables["read_only"], s.variables["super_read_only"] = "ON", "ON"
		s.receiver = false
		s.executed = s.executed.Union(s.received)
	case failover.ActNudge:
		for _, r := range w.servers {
			if r.source == s.Name {
				s.executed = s.executed.Union(r.received)
			}
		}
		s.commits.Waiting, s.commits.StuckFor, s.status["rpl_semi_sync_source_wait_sessions"] = 0, 0, "0"
	case failover.ActClone:
		return w.clone(s, a)
	case failover.ActRewind:
		s.executed = s.executed.Subtract(a.Divergence.Extras[s.Name])
		s.received = s.executed
	case failover.ActReplay:
		res.Settled = &failover.JobOutcome{Tally: &failover.Tally{Replayed: a.Divergence.Job.Settle.Count}}
	case failover.ActCapture, failover.ActCompare, failover.ActArm, failover.ActDisarm, failover.ActClaim:
	}
	return nil
}

// report is the summary of a report on disk: all of the union, every transaction safe.
func report(a failover.Action) *failover.Divergence {
	d := *a.Divergence
	d.Captured, d.Complete = d.Union(), true
	if a.Kind == failover.ActCompare {
		d.Transactions = int(d.Captured.Count())
		d.ByClass = map[string]int{"SAFE": d.Transactions}
	}
	return &d
}

func (s *server) configure(settings []failover.Setting) {
	for _, v := range settings {
		if !v.PersistOnly {
			s.variables[v.Name] = v.Value
		}
		if !v.Transient {
			s.persisted[v.Name] = v.Value
		}
	}
}

func (w *world) catchUp(s *server, a failover.Action) error {
	for _, name := range a.Donors {
		donor := w.server(name)
		if donor.up && !donor.hung && w.connected(s.Name, name) && a.Deadline >= 100*time.Millisecond {
			s.received = s.received.Union(donor.executed)
		}
	}
	s.executed = s.executed.Union(s.received)
	if missing := a.Target.Subtract(s.executed); !missing.IsEmpty() {
		return fmt.Errorf("catch_up %s: not received: %s", s.Name, w.print(missing))
	}
	return nil
}

func (s *server) prepare(a failover.Action) error {
	s.receiver = false
	s.executed = s.executed.Union(s.received)
	if !s.executed.Contains(a.Target) {
		return fmt.Errorf("prepare %s: it has not executed everything that was collected", s.Name)
	}
	s.source, s.received = "", gtid.Set{}
	s.configure(a.Settings)
	return nil
}

func (w *world) follow(s *server, a failover.Action) error {
	held := s.executed.Union(s.received)
	if !a.Target.IsEmpty() && !a.Target.Contains(held.Without(a.SourceUUID)) {
		return fmt.Errorf("follow %s: it holds what the new source lacks", s.Name)
	}
	s.source, s.receiver, s.executed = a.Source, true, held
	s.configure([]failover.Setting{
		{Name: "rpl_semi_sync_replica_enabled", Value: onOff(a.Acker)}, {Name: "rpl_semi_sync_source_enabled", Value: "OFF"},
	})
	s.lostSource, s.receiverConnecting = time.Time{}, false
	w.settleThreads()
	w.replicate(s)
	return nil
}

// replicate gives the server all that its source has, where the two are connected.
func (w *world) replicate(s *server) {
	if !w.attached(s) || !s.lostSource.IsZero() {
		return
	}
	s.received = s.received.Union(w.server(s.source).executed)
	if s.applierError == "" {
		s.executed = s.executed.Union(s.received)
	}
}

func (w *world) open(s *server, a failover.Action) error {
	ackers := 0
	for _, r := range w.servers {
		if r.source == s.Name && w.attached(r) && on(r.variables["rpl_semi_sync_replica_enabled"]) {
			ackers++
		}
	}
	if ackers < a.WaitCount {
		return fmt.Errorf("open %s: %d of %d ackers attached", s.Name, ackers, a.WaitCount)
	}
	if a.Lease == nil {
		s.row = nil
	} else if err := w.arm(s, *a.Lease); err != nil {
		return err
	}
	s.variables["read_only"], s.variables["super_read_only"] = "OFF", "OFF"
	return nil
}

func (w *world) clone(s *server, a failover.Action) error {
	donor := w.server(a.Source)
	if !donor.up || donor.hung {
		return fmt.Errorf("clone %s: the donor %s does not answer", s.Name, donor.Name)
	}
	s.executed, s.received, s.source, s.receiver = donor.executed, gtid.Set{}, "", false
	s.boot += 100
	s.process++
	return nil
}

// boot starts a killed server the way its persisted settings say.
func (s *server) bootAgain() {
	s.up, s.hung = true, false
	s.boot += 100
	s.process++
	s.sessions++
	for name, value := range s.persisted {
		s.variables[name] = value
	}
	maps.Copy(s.variables, s.purging)
	readOnly := onOff(on(s.persisted["super_read_only"]))
	s.variables["super_read_only"], s.variables["read_only"] = readOnly, readOnly
	s.receiver = s.source != "" && !on(s.persisted["skip_replica_start"])
	s.receiverConnecting, s.lostSource = false, time.Time{}
	if on(s.variables["relay_log_recovery"]) {
		s.received = gtid.Set{}
	}
}
