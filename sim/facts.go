package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/topology"
)

// facts is the server's answer to a probe.
func (s *Server) facts() *topology.Facts {
	f := &topology.Facts{
		UUID: s.uuid, Version: "9.7.4", Boot: topology.Boot{Started: s.bootedAt, Process: uint64(s.process)}, Start: "defaults", Variables: s.variables, Persisted: s.persisted, Executed: s.executed.set(),
		Status: map[string]string{
			"rpl_semi_sync_source_status":        onOff(s.waits()),
			"rpl_semi_sync_source_clients":       strconv.Itoa(s.ackers()),
			"rpl_semi_sync_source_wait_sessions": strconv.Itoa(len(s.waiting)),
			"rpl_semi_sync_source_yes_tx":        strconv.Itoa(s.yes),
			"rpl_semi_sync_replica_status":       "OFF",
		},
	}
	f.Commits.Waiting = len(s.waiting)
	f.Lease = s.lease()
	for _, d := range s.dumps {
		f.Replicas = append(f.Replicas, topology.Attached{UUID: d.replica.uuid, Host: d.replica.name(), Acker: d.acker})
	}
	if s.channel != nil {
		f.Source = s.channel.upstream()
		f.Status["rpl_semi_sync_replica_status"] = onOff(s.channel.stream != nil && s.channel.stream.acker)
	}
	return f
}

func (c *channel) upstream() *topology.Upstream {
	host, _, _ := strings.Cut(c.source.spec.Address, ":")
	u := &topology.Upstream{
		UUID: c.source.uuid, Host: host, Port: 3306, Receiver: topology.ThreadOff, Applier: topology.ThreadOff, ReceiverError: c.failure,
		Received: c.received.set(), AutoPosition: true, ConnectRetry: 60, RetryCount: 10, HeartbeatPeriod: 30 * time.Second,
	}
	if c.tuned {
		u.ConnectRetry, u.RetryCount, u.HeartbeatPeriod = 1, 4294967295, time.Second
	}
	if c.applier {
		u.Applier = topology.ThreadOn
	}
	switch {
	case c.stream != nil:
		u.Receiver = topology.ThreadOn
		if c.stream.silentSince >= 0 {
			u.SilentFor = c.s.w.now - c.stream.silentSince
		}
	case c.receiver:
		u.Receiver = topology.ThreadConnecting
	}
	return u
}
