package failover

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/topology"
)

// jobTries is how often a job is tried before a person has to order it again.
const jobTries = 20

// work drives the jobs on reports.
func (d *decider) work(fp *topology.Facts) {
	for i := range d.s.Divergences {
		div := &d.s.Divergences[i]
		job := div.Job
		if job == nil {
			continue
		}
		if why := d.pointless(div); why != "" {
			d.endJob(div, why)
			continue
		}
		if job.Waits || d.rests(job.RetryAt, longestRetry) || d.calm() != nil || (job.Kind != OrderRewind && div.State != DivergenceOpen) {
			continue
		}
		kind := ActReplay
		if job.Kind == OrderRewind {
			kind = ActRewind
		}
		snapshot := *div
		d.do(Action{Kind: kind, Server: job.Server, Divergence: &snapshot, Target: fp.Executed, Deadline: captureDeadline},
			fmt.Sprintf("/%s/%d", job.ID, job.Tries))
	}
}

// pointless says why a job cannot come to its end any more, or "".
func (d *decider) pointless(div *Divergence) string {
	job := div.Job
	switch {
	case job.Kind != OrderRewind && job.Server != d.s.Primary:
		return job.Server + " is no longer the primary; what was replayed stays, order the rest on " + d.s.Primary
	case job.Node != d.in.Node && (div.Node == d.in.Node || div.CopiedOn(d.in.Node)):
		return "the leadership moved from " + job.Node + "; order it again, it goes on where it stopped"
	case job.Node != d.in.Node:
		return "the leadership moved from " + job.Node + ", which has the files of the report; `regent leader " + job.Node +
			"`, then order it again: it goes on where it stopped"
	}
	return ""
}

// absorbJob records how far a job came.
func (d *decider) absorbJob(r Result) {
	div := d.report(r.Action.Divergence.ID)
	if div == nil || div.Job == nil || r.Action.Divergence.Job == nil || div.Job.ID != r.Action.Divergence.Job.ID {
		return
	}
	over := r.Err == ""
	if r.Settled != nil {
		over = over || r.Settled.Over
		if r.Settled.Tally != nil {
			div.Tally = r.Settled.Tally
		}
		if r.Settled.Alone {
			div.Job.Alone = true
		}
		if r.Settled.Torn {
			d.tear(div.Job.Server)
		}
	}
	if over {
		d.rewound(div.Job, &r)
		div.changed(d.in.Now)
		d.endJob(div, r.Err)
		return
	}
	job := div.Job
	if job.Tries >= jobTries {
		div.changed(d.in.Now)
		d.endJob(div, fmt.Sprintf("given up after %d tries: %s", job.Tries+1, r.Err))
		return
	}
	job.Error, job.Tries = r.Err, job.Tries+1
	job.RetryAt = d.in.Now.Add(min(longestRetry, time.Second<<min(job.Tries, 5)))
}

// rewound notes that the GTID sets of a server say again what it holds: its rewind was done, or changed nothing.
func (d *decider) rewound(job *Job, r *Result) {
	torn := r.Settled != nil && r.Settled.Torn
	if job.Kind != OrderRewind || torn {
		return
	}
	d.member(job.Server, func(m *Member) {
		if m.Quarantine != nil {
			q := *m.Quarantine
			q.Rewinding = false
			m.Quarantine = &q
		}
	})
}

// tear notes that nothing but a rebuild lets a server go.
func (d *decider) tear(server string) {
	d.member(server, func(m *Member) {
		if m.Quarantine != nil {
			q := *m.Quarantine
			q.Torn, q.Reason = true, "its rewind ended half-way; rebuild it"
			m.Quarantine = &q
		}
	})
}

// endJob writes down what came of a job.
func (d *decider) endJob(div *Divergence, failure string) {
	job := div.Job
	e := Event{Kind: string(job.Kind), By: job.By, Reason: job.Reason, Failed: failure != ""}
	if job.Approved != "" {
		e.Reason += " (approved by " + job.Approved + ")"
	}
	if job.Alone {
		e.Reason += "; for a while its decisions were on node " + job.Node + " alone"
	}
	switch {
	case failure != "":
		e.Decision, e.Reason = fmt.Sprintf("the %s of report %s on %s ended early", job.Kind, div.ID, job.Server), failure
	case job.Kind == OrderRewind:
		e.Decision = job.Server + " was rewound to what it shares with " + d.s.Primary
	default:
		e.Decision = "report " + div.ID + " was replayed on " + job.Server
		if job.Kind == OrderAckReport {
			e.Kind, e.Decision = "report", "a part of report "+div.ID+" was acknowledged"
		}
		if div.Tally != nil {
			e.Decision += ": " + div.Tally.String()
		}
	}
	div.Job = nil
	d.event(e)
}
