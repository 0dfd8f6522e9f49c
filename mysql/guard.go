package mysql

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/regentdb/regent/topology"
)

// The guard of a server is one row and one event in a schema of their own, written without the binary
// log: they belong to this server alone. A clone carries them along, where they do nothing, because
// row and event both name the server_uuid that they are for.
const (
	guardSchema = "regent_guard"
	guardTable  = guardSchema + ".lease"
	guardEvent  = guardSchema + ".fence"
	// guardLayout is part of the event's comment: an event of another layout is written anew.
	guardLayout = 2
)

// guardTableDDL makes the table of the only row. Times are UTC, so that no time zone moves them.
const guardTableDDL = `CREATE TABLE IF NOT EXISTS ` + guardTable + ` (
	one TINYINT UNSIGNED NOT NULL PRIMARY KEY CHECK (one = 1),
	server_uuid CHAR(36) CHARACTER SET ascii NOT NULL,
	epoch BIGINT UNSIGNED NOT NULL,
	set_version BIGINT UNSIGNED NOT NULL,
	candidates JSON NOT NULL,
	serve BOOLEAN NOT NULL,
	ttl_us BIGINT UNSIGNED NOT NULL,
	expires DATETIME(6) NOT NULL COMMENT 'UTC',
	ticked DATETIME(6) NULL COMMENT 'UTC',
	renewed_by VARCHAR(64) NOT NULL,
	fault VARCHAR(255) NOT NULL,
	scheduler VARCHAR(16) NOT NULL COMMENT 'event_scheduler before it was armed'
) ENGINE = InnoDB COMMENT 'the lease of a primary; DROP SCHEMA ` + guardSchema + ` takes its guard away'`

// pendingForever is the longest lock_wait_timeout, in seconds: what waits that long waits for good.
const pendingForever = 31536000

// guardEventDDL makes the event that ends an expired lease. What it does when the lease has expired
// was found out on real servers, see docs/adr/0009:
//
//   - super_read_only waits for writes under way and for commits that nobody acknowledges, and while
//     it waits the scheduler starts no event, so everything has to happen in this one run;
//   - so where commits wait and none is acknowledged for a moment, and where it does not come through
//     within a second, offline_mode disconnects applications, whatever they wait for, and the change
//     stays pending for good. That cuts ackers off too, so it is not for commits that are only under way.
//
// The lease is looked at before the tick is written: a tick says that the lease was found alive.
func guardEventDDL(uuid string, epoch uint64) string {
	mine := fmt.Sprintf("one = 1 AND server_uuid = @@GLOBAL.server_uuid AND server_uuid = %s AND epoch = %d", quote(uuid), epoch)
	waiting, acknowledged := "IFNULL("+statusValue("rpl_semi_sync_source_wait_sessions")+", 0) > 0", statusValue("rpl_semi_sync_source_yes_tx")
	return `CREATE EVENT ` + guardEvent + ` ON SCHEDULE EVERY 1 SECOND ON COMPLETION PRESERVE ENABLE
COMMENT ` + quote(guardComment(uuid, epoch)) + ` DO
BEGIN
	DECLARE blocked BOOLEAN DEFAULT FALSE;
	DECLARE acknowledged BIGINT UNSIGNED DEFAULT NULL;
	SET autocommit = 1;
	SET SESSION sql_log_bin = OFF, transaction_read_only = OFF, lock_wait_timeout = 1, innodb_lock_wait_timeout = 1;
	IF EXISTS (SELECT 1 FROM ` + guardTable + ` WHERE ` + mine + ` AND expires <= UTC_TIMESTAMP(6)) THEN
		BEGIN
			DECLARE CONTINUE HANDLER FOR ` + strconv.Itoa(codeLockWaitTimeout) + ` SET blocked = TRUE;
			IF ` + waiting + ` THEN
				SET acknowledged = ` + acknowledged + `;
				DO SLEEP(0.1);
				SET blocked = ` + waiting + ` AND acknowledged <=> ` + acknowledged + `;
			END IF;
			IF NOT blocked THEN
				SET GLOBAL super_read_only = ON;
			END IF;
			IF blocked THEN
				SET GLOBAL offline_mode = ON;
				SET SESSION lock_wait_timeout = ` + strconv.Itoa(pendingForever) + `;
				SET GLOBAL super_read_only = ON;
			END IF;
		END;
	ELSE
		UPDATE ` + guardTable + ` SET ticked = UTC_TIMESTAMP(6) WHERE ` + mine + `;
	END IF;
END`
}

// guardComment is how an event is known to belong to a row.
func guardComment(uuid string, epoch uint64) string {
	return fmt.Sprintf("regent guard %d of %s in epoch %d", guardLayout, uuid, epoch)
}

// guardState is what a server shows of its guard besides what Facts tell.
type guardState struct {
	exists    bool   // there is a row, or an event
	scheduler string // event_scheduler before the guard was armed, empty when unknown
}

// guardRowName names the answer with the row.
const guardRowName = "guard_row"

// guardEventQuery finds the event whether or not the schema exists.
const guardEventQuery = `status, event_comment FROM information_schema.events
	WHERE event_schema = '` + guardSchema + `' AND event_name = 'fence'`

// guardRowQuery reads the row by the server's own clock. It waits 100 ms at most for a lock that
// somebody holds on the table.
const guardRowQuery = `SELECT /*+ MAX_EXECUTION_TIME(100) */ server_uuid, epoch, set_version, candidates, serve, ttl_us, fault, scheduler,
	TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), expires) AS remaining_us,
	TIMESTAMPDIFF(MICROSECOND, ticked, UTC_TIMESTAMP(6)) AS tick_us FROM ` + guardTable + ` WHERE one = 1`

// guardBatch reads the row where the table exists. A row that cannot be read must not look like a server that
// does not answer.
func guardBatch() *batch { return (&batch{}).try(guardRowName, guardRowQuery) }

// unguarded tells whether a refusal to read the row says that there is none: no schema, no table, or no right to
// either, as on servers whose control account was made without the guard.
func unguarded(refused error) bool {
	switch code(refused) {
	case codeUnknownSchema, codeUnknownTable, codeSchemaDenied, codeTableDenied:
		return true
	}
	return false
}

// guard turns the answers about row and event into a Lease; there is none without a row. A row that
// cannot be read is a fault.
func (n *numbers) guard(got answers, f *topology.Facts) (*topology.Lease, guardState) {
	event, r := got["guard_event"].first(), got[guardRowName].first()
	if err := got[guardRowName].refused; err != nil && !unguarded(err) {
		return &topology.Lease{UUID: f.UUID, TickAge: topology.Never, Fault: "its guard row cannot be read: " + err.Error()}, guardState{exists: true}
	}
	g := guardState{exists: len(r) > 0 || len(event) > 0, scheduler: r["scheduler"]}
	if len(r) == 0 {
		return nil, g
	}
	l := n.lease(r)
	l.Enabled = event["status"] == "ENABLED" && event["event_comment"] == guardComment(l.UUID, l.Epoch)
	l.Scheduler = f.On("event_scheduler")
	return l, g
}

// lease is a guard row, without what its event shows.
func (n *numbers) lease(r row) *topology.Lease {
	l := &topology.Lease{
		UUID: r["server_uuid"], Epoch: n.uint(r["epoch"]), SetVersion: n.uint(r["set_version"]),
		Serve: r["serve"] == "1", TTL: n.micros(r["ttl_us"]), Remaining: n.micros(r["remaining_us"]),
		TickAge: topology.Never, Fault: r["fault"],
	}
	if r["tick_us"] != "" {
		l.TickAge = n.micros(r["tick_us"])
	}
	n.keep("candidates", r["candidates"], json.Unmarshal([]byte(r["candidates"]), &l.Candidates))
	return l
}

func (n *numbers) micros(s string) time.Duration { return time.Duration(n.int(s)) * time.Microsecond }

// clockQuery asks for the server's clock.
const clockQuery = "SELECT UTC_TIMESTAMP(6) AS clock"

// clockLayout is how a DATETIME(6) is written.
const clockLayout = "2006-01-02 15:04:05.000000"

func (n *numbers) clock(s string) time.Time {
	t, err := time.Parse(clockLayout, s)
	n.keep("time", s, err)
	return t
}

// moment writes a time of the server's clock as a literal.
func moment(t time.Time) string { return "TIMESTAMP'" + t.UTC().Format(clockLayout) + "'" }
