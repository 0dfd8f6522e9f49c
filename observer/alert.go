package observer

import "time"

// Alert makes this node look at a cluster closely for a while, as it does by itself when a server
// is lost.
func (o *Observer) Alert(cluster string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alarm(cluster, time.Now())
}

// alarm puts a cluster into alert and has all its servers probed at once. The lock is held.
func (o *Observer) alarm(cluster string, now time.Time) {
	o.alerts[cluster] = now
	for _, p := range o.probes {
		if p.target.Cluster == cluster {
			notify(p.wanted)
		}
	}
}

// alerted tells whether a cluster is in alert. The lock is held.
func (o *Observer) alerted(cluster string, now time.Time) bool {
	at, alarmed := o.alerts[cluster]
	if !alarmed {
		return false
	}
	switch age := now.Sub(at); {
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

// pace is the time from the beginning of one probe to the next.
func (o *Observer) pace(cluster string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.alerted(cluster, time.Now()) {
		return min(alertPace, o.cfg.Interval)
	}
	return o.cfg.Interval
}
