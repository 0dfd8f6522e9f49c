package observer

import "time"

// alert is a close look at a cluster.
type alert struct {
	since, last time.Time // when it began, and when something alarming was last seen
}

// Alert makes this node look at a cluster closely for a while, as it does by itself when a server
// is lost.
func (o *Observer) Alert(cluster string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alarm(cluster, time.Now(), false)
}

// alarm puts a cluster into alert, and has all its servers probed at once when that begins, or when news cannot
// wait for the next probe. The lock is held.
func (o *Observer) alarm(cluster string, now time.Time, urgent bool) {
	a := alert{since: now, last: now}
	if before := o.alerts[cluster]; now.Sub(before.last) < alertTail {
		a.since = before.since
	}
	o.alerts[cluster] = a
	if !urgent && a.since != now {
		return
	}
	for _, p := range o.probes {
		if p.target.Cluster == cluster {
			notify(p.wanted)
		}
	}
}

// alerted tells whether a cluster is in alert. The lock is held.
func (o *Observer) alerted(cluster string, now time.Time) bool {
	a, alarmed := o.alerts[cluster]
	if !alarmed {
		return false
	}
	switch age := now.Sub(a.last); {
	case age < alertTail:
		return true
	case age < alertSpan:
		return o.wrongIn(cluster)
	}
	delete(o.alerts, cluster)
	return false
}

// wrongIn tells whether any server of the cluster is still lost. The lock is held.
func (o *Observer) wrongIn(cluster string) bool {
	for _, p := range o.probes {
		if p.target.Cluster == cluster && p.rec.wrong() {
			return true
		}
	}
	return false
}

// pace is the time from the beginning of one probe to the next. The first moments of an alert tell the most; after
// them probes would take from servers and nodes the time that a recovery needs.
func (o *Observer) pace(cluster string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if !o.alerted(cluster, now) {
		return o.cfg.Interval
	}
	age := now.Sub(o.alerts[cluster].since)
	return min(max(alertPace, age), alertLull, o.cfg.Interval)
}
