package mysql

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

// channel is the SQL condition for the only replication channel that regent manages.
const channel = "channel_name = ''"

// receivedSet is an SQL expression for what the receiver has queued, NULL without a channel.
const receivedSet = "(SELECT received_transaction_set FROM performance_schema.replication_connection_status WHERE " + channel + ")"

// heldSet is an SQL expression for everything the server holds: executed, or received and not applied.
const heldSet = "CONCAT_WS(',', @@GLOBAL.gtid_executed, " + receivedSet + ")"

// startedAt is an SQL expression for when the process started. Both terms are of the same statement's
// time, so that the difference is the number of seconds that the server itself noted at its start.
const startedAt = "UNIX_TIMESTAMP() - CAST((SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Uptime') AS SIGNED)"

// mainThread is an SQL expression for the operating system's number of the server's main thread, 0 where it is not shown.
const mainThread = "COALESCE((SELECT MAX(thread_os_id) FROM performance_schema.threads WHERE name = 'thread/sql/main'), 0)"

// fencePattern finds statements that change read_only or super_read_only and are still running.
const fencePattern = "^[[:space:]]*SET[[:space:]]+(GLOBAL|PERSIST|@@).*read_only"

// stateBatch reads everything that a state holds. It has to be the end of what is sent: see batch.try.
func stateBatch(o Options) *batch { return factsBatch(o).add(guardBatch()) }

// factsBatch reads what Facts hold, but for the guard's row.
func factsBatch(o Options) *batch {
	b := (&batch{}).mark("read the state")
	b.read("variables", "variable_name, variable_value FROM performance_schema.global_variables WHERE variable_name IN ("+
		list(bothNames(variables()))+")")
	b.read("status", statusQuery(bothNames(statuses())))
	b.read("guard_event", guardEventQuery)
	return b.add(movingBatch(o)).read("server", serverQuery(startedAt, mainThread))
}

// movingBatch reads what may change from one probe to the next and has only one way to be read.
func movingBatch(o Options) *batch {
	b := &batch{}
	b.read("persisted", "variable_name, variable_value FROM performance_schema.persisted_variables")
	b.read("channel", channelQuery)
	b.read("replicas", `t.processlist_id, MAX(IF(v.variable_name IN ('replica_uuid', 'slave_uuid'), v.variable_value, '')) AS uuid,
		MAX(t.processlist_host) AS host,
		MAX(IF(v.variable_name IN ('rpl_semi_sync_replica', 'rpl_semi_sync_slave'), v.variable_value, 0)) AS acker
		FROM performance_schema.threads t LEFT JOIN performance_schema.user_variables_by_thread v USING (thread_id)
		WHERE t.processlist_command IN ('Binlog Dump', 'Binlog Dump GTID') GROUP BY t.processlist_id ORDER BY t.processlist_id`)
	b.read("applications", `COUNT(*) AS n, COALESCE(SUM(t.processlist_state = 'waiting for handler commit'
		OR t.processlist_state LIKE 'Waiting for semi-sync ACK%'), 0) AS committing FROM performance_schema.threads t WHERE `+isApplication(o))
	return b.read("pending", `processlist_id, processlist_state LIKE 'Waiting for %lock' AS waits FROM performance_schema.threads WHERE processlist_id <> CONNECTION_ID()
		AND (processlist_command IN ('Query', 'Execute') OR name = 'thread/sql/event_worker')
		AND processlist_info REGEXP `+quote(fencePattern))
}

func statusQuery(names []string) string {
	return "variable_name, variable_value FROM performance_schema.global_status WHERE variable_name IN (" + list(names) + ")"
}

// serverQuery reads the sets, last of all: a receiver seen as stopped before has queued nothing since. The
// boot is read by the given expressions.
func serverQuery(started, process string) string {
	return "@@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged, " +
		started + " AS started, " + process + " AS process, " + receivedSet + " AS received"
}

const channelQuery = `c.host, c.port, c.auto_position, c.connection_retry_interval, c.connection_retry_count,
	c.heartbeat_interval, s.source_uuid, s.service_state AS receiver, s.count_received_heartbeats,
	s.received_transaction_set, s.last_error_number, s.last_error_message,
	ac.desired_delay, a.service_state AS applier,
	(SELECT COUNT(*) FROM performance_schema.replication_applier_filters f WHERE f.` + channel + `)
		+ (SELECT COUNT(*) FROM performance_schema.replication_applier_global_filters) AS filters,
	(SELECT CONCAT(w.last_error_number, ' ', w.last_error_message)
		FROM performance_schema.replication_applier_status_by_coordinator w
		WHERE w.` + channel + ` AND w.last_error_number <> 0) AS coordinator_error,
	(SELECT MAX(CONCAT(w.last_error_number, ' ', w.last_error_message))
		FROM performance_schema.replication_applier_status_by_worker w
		WHERE w.` + channel + ` AND w.last_error_number <> 0) AS worker_error,
	(SELECT MAX(TIMESTAMPDIFF(MICROSECOND, w.applying_transaction_original_commit_timestamp, NOW(6)))
		FROM performance_schema.replication_applier_status_by_worker w
		WHERE w.` + channel + ` AND w.applying_transaction <> '') AS applying_for,
	GTID_SUBSET(s.received_transaction_set, @@GLOBAL.gtid_executed) AS applied
	FROM performance_schema.replication_connection_configuration c
	JOIN performance_schema.replication_connection_status s USING (channel_name)
	JOIN performance_schema.replication_applier_configuration ac USING (channel_name)
	JOIN performance_schema.replication_applier_status a USING (channel_name)
	WHERE c.` + channel

// isApplication is the SQL condition for client connections that are neither regent's nor replication's.
func isApplication(o Options) string {
	return `t.type = 'FOREGROUND' AND t.name = 'thread/sql/one_connection' AND t.processlist_command NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon')
		AND t.processlist_user NOT IN ('system user', 'event_scheduler', 'unauthenticated user', ` +
		quote(o.Control.User) + ", " + quote(o.Replication.User) + ")"
}

// state is what one factsBatch answers.
type state struct {
	facts   *topology.Facts
	dialect dialect
	pending []string // connections with an unfinished change of read_only
	guard   guardState
}

func readState(got answers) (state, error) {
	variables, old := inCurrentWords(got["variables"].pairs())
	persisted, _ := inCurrentWords(got["persisted"].pairs())
	status, _ := inCurrentWords(got["status"].pairs())
	f := &topology.Facts{
		UUID: variables["server_uuid"], Version: variables["version"],
		Variables: variables, Persisted: persisted, Status: status,
	}
	server := got["server"].first()
	if f.UUID == "" || len(server) == 0 {
		return state{}, fmt.Errorf("the server did not answer its variables; is performance_schema on?")
	}
	n := numbers{}
	f.ServerID = uint32(n.uint(variables["server_id"]))
	f.Boot = topology.Boot{Started: n.int(server["started"]), Process: n.uint(server["process"])}
	applications := got["applications"].first()
	f.Applications, f.Commits.Waiting = int(n.int(applications["n"])), int(n.int(applications["committing"]))
	f.Executed, f.Purged = n.set(server["executed"]), n.set(server["purged"])
	for _, r := range got["replicas"].all() {
		f.Replicas = append(f.Replicas, topology.Attached{UUID: r["uuid"], Host: r["host"], Acker: r["acker"] == "1"})
	}
	if r := got["channel"].first(); len(r) > 0 {
		f.Source = n.upstream(r, server["received"])
	}
	s := state{facts: f, dialect: dialect{f.Version, old}, pending: got["pending"].column()}
	f.Closing = slices.ContainsFunc(got["pending"].all(), func(r row) bool { return r["waits"] == "1" })
	f.Lease, s.guard = n.guard(got, f)
	return s, n.err
}

// numbers converts texts and keeps the first error.
type numbers struct{ err error }

func (n *numbers) keep(what, text string, err error) {
	if err != nil && n.err == nil {
		n.err = fmt.Errorf("unexpected %s %q: %w", what, text, err)
	}
}

func (n *numbers) int(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	n.keep("number", s, err)
	return v
}

func (n *numbers) uint(s string) uint64 {
	v, err := strconv.ParseUint(s, 10, 64)
	n.keep("number", s, err)
	return v
}

func (n *numbers) float(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	n.keep("number", s, err)
	return v
}

func (n *numbers) set(s string) gtid.Set {
	v, err := gtid.Parse(s)
	n.keep("GTID set", s, err)
	return v
}

func (n *numbers) upstream(r row, received string) *topology.Upstream {
	u := &topology.Upstream{
		UUID: r["source_uuid"], Host: r["host"], Port: int(n.int(r["port"])),
		Receiver: threadState(r["receiver"]), Applier: threadState(r["applier"]),
		Received: n.set(received), Heartbeats: n.uint(r["count_received_heartbeats"]),
		AutoPosition: r["auto_position"] == "1", ConnectRetry: int(n.int(r["connection_retry_interval"])),
		RetryCount:      n.uint(r["connection_retry_count"]),
		HeartbeatPeriod: time.Duration(math.Round(n.float(r["heartbeat_interval"])*1000)) * time.Millisecond,
		Delay:           time.Duration(n.int(r["desired_delay"])) * time.Second,
		Filtered:        r["filters"] != "0",
	}
	if r["last_error_number"] != "0" {
		u.ReceiverError = r["last_error_number"] + " " + r["last_error_message"]
	}
	u.ApplierError = withoutValues(cmp.Or(r["worker_error"], r["coordinator_error"]))
	u.LagSeconds = n.lag(r, u)
	return u
}

// lag is the age of what is being applied; 0 when all is applied and the receiver runs, else unknown. What
// is half applied on a server that receives nothing will never be whole, and its age says nothing.
func (n *numbers) lag(r row, u *topology.Upstream) *float64 {
	var lag float64
	receiving, applied := u.Receiver == topology.ThreadOn, r["applied"] == "1"
	switch {
	case applied && !receiving:
		return nil
	case r["applying_for"] != "":
		lag = max(0, n.float(r["applying_for"])/1e6)
	case !receiving || !applied:
		return nil
	}
	return &lag
}

func threadState(s string) topology.ThreadState {
	switch s {
	case "ON":
		return topology.ThreadOn
	case "CONNECTING":
		return topology.ThreadConnecting
	}
	return topology.ThreadOff
}
