//go:build integration

package mysql

import (
	"strings"
	"testing"
)

// TestBinaryLogsAreKeptWhileTheyAreNeeded has the logs of a server expire within a second, and keeps them.
func TestBinaryLogsAreKeptWhileTheyAreNeeded(t *testing.T) {
	db := start(t, 1)[0]
	db.do(t, "SET GLOBAL binlog_expire_logs_seconds = 1", "CREATE DATABASE app")
	first := db.scan(t, "SELECT log_status.log_file FROM performance_schema.log_status, "+
		"JSON_TABLE(LOCAL, '$' COLUMNS (log_file VARCHAR(99) PATH '$.binary_log_file')) log_status")
	keep, release := map[string]string{"binlog_expire_logs_auto_purge": "OFF"}, map[string]string{"binlog_expire_logs_auto_purge": "ON"}
	s := lock(t, db, 1)
	for range 2 { // the second time nothing changes
		if f, err := s.Configure(t.Context(), nil, nil, keep); err != nil || f.On("binlog_expire_logs_auto_purge") {
			t.Fatalf("%v, %v", f, err)
		}
	}
	before := db.rotate(t)
	if after := db.rotate(t); after.Files != before.Files+1 || after.Bytes <= before.Bytes {
		t.Errorf("%+v after %+v, though nothing may be deleted", after, before)
	}
	if err := db.holds(t, first); err != "" {
		t.Errorf("%s is gone though it is kept: %s", first, err)
	}
	if f, err := s.Configure(t.Context(), nil, nil, release); err != nil || !f.On("binlog_expire_logs_auto_purge") || f.Persisted["binlog_expire_logs_auto_purge"] != "" {
		t.Fatalf("%+v, %v", f, err)
	}
	db.rotate(t)
	if err := db.holds(t, first); err == "" {
		t.Errorf("%s is still there though nothing keeps it", first)
	}
	s.Close()
	if _, err := lock(t, db, 2).Configure(t.Context(), nil, nil, keep); err != nil {
		t.Fatal(err)
	}
	if err := db.process.Kill(); err != nil {
		t.Fatal(err)
	}
	db.process.Run(t)
	p := db.Prober()
	defer p.Close()
	if f := observe(t, p); !f.On("binlog_expire_logs_auto_purge") || f.Variables["binlog_expire_logs_seconds"] == "" {
		t.Errorf("after a boot: %v", f.Variables)
	}
}

// rotate waits until the current log has expired, begins another, and counts them.
func (i *instance) rotate(t *testing.T) BinaryLogs {
	t.Helper()
	i.do(t, "CREATE DATABASE passing", "DROP DATABASE passing")
	began := i.scan(t, "SELECT UNIX_TIMESTAMP()")
	until(t, "two seconds", func() bool { return i.scan(t, "SELECT UNIX_TIMESTAMP() > "+began+" + 1") == "1" })
	i.do(t, "FLUSH BINARY LOGS")
	logs, err := i.BinaryLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

// holds tells why a log cannot be read, or is empty.
func (i *instance) holds(t *testing.T, log string) string {
	t.Helper()
	var name, kind, info string
	var at, server, end int64
	err := i.admin.QueryRowContext(t.Context(), "SHOW BINLOG EVENTS IN "+quote(log)+" LIMIT 1").Scan(&name, &at, &kind, &server, &end, &info)
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestARefusalNamesTheGrant(t *testing.T) {
	db := start(t, 1)[0]
	s := lock(t, db, 1)
	db.do(t, "REVOKE SYSTEM_VARIABLES_ADMIN ON *.* FROM '"+db.accounts.Controller.User+"'@'%'")
	s.Close()
	_, err := lock(t, db, 2).Configure(t.Context(), nil, nil, map[string]string{"binlog_expire_logs_auto_purge": "OFF"})
	if err == nil || !strings.Contains(err.Error(), "GRANT SYSTEM_VARIABLES_ADMIN") {
		t.Errorf("%v", err)
	}
}
