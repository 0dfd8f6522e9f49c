package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/regentdb/regent/mysql"
)

// TestLogging changes one thing at a time and asks for the verdict on the cluster.
func TestLogging(t *testing.T) {
	set := func(name, value string) func(*mysql.Logging) {
		return func(l *mysql.Logging) { l.Variables[name] = value }
	}
	for name, tt := range map[string]struct {
		change func(*mysql.Logging)
		want   extent
		says   string // empty: nothing is found
	}{
		"nothing":           {func(*mysql.Logging) {}, extentYes, ""},
		"partial documents": {set("binlog_row_value_options", "PARTIAL_JSON"), extentPartly, "PARTIAL_JSON"},
		"no checksums":      {set("binlog_checksum", "NONE"), extentPartly, "binlog_checksum is NONE"},
		"encryption":        {set("binlog_encryption", "ON"), extentYes, "binlog_encryption is ON"},
		"two days of logs":  {set("binlog_expire_logs_seconds", "172800"), extentPartly, "more than 48h"},
		"an hour of logs":   {set("binlog_expire_logs_seconds", "3600"), extentNo, "more than 1h"},
		"logs without end":  {set("binlog_expire_logs_seconds", "0"), extentYes, ""},
		"an hour, but never deleted": {func(l *mysql.Logging) {
			set("binlog_expire_logs_seconds", "1")(l)
			set("binlog_expire_logs_auto_purge", "OFF")(l)
		}, extentYes, ""},
		"no primary key":       {func(l *mysql.Logging) { l.Keyless = mysql.Tables{Count: 7, Names: []string{"a.b", "a.c"}} }, extentPartly, "7 tables have no primary key, so that their rows are left to a person: a.b, a.c and 5 more"},
		"another engine":       {func(l *mysql.Logging) { l.Untransactional = mysql.Tables{Count: 1, Names: []string{"a.b"}} }, extentPartly, "1 table is of an engine"},
		"hidden triggers":      {func(l *mysql.Logging) { l.TriggersHidden = mysql.Tables{Count: 1, Names: []string{"a"}} }, extentPartly, "triggers of 1 schema"},
		"hidden foreign keys":  {func(l *mysql.Logging) { l.ForeignKeysHidden = mysql.Tables{Count: 2, Names: []string{"a.b", "a.c"}} }, extentPartly, "2 tables that have foreign keys"},
		"unknown foreign keys": {func(l *mysql.Logging) { l.ForeignKeysUnknown = true }, extentPartly, "may not see all foreign keys"},
	} {
		t.Run(name, func(t *testing.T) {
			l := mysql.Logging{Variables: map[string]string{
				"binlog_checksum": "CRC32", "binlog_encryption": "OFF", "binlog_expire_logs_auto_purge": "ON", "binlog_expire_logs_seconds": "2592000",
				"binlog_row_value_options": "",
			}}
			tt.change(&l)
			found := logging("east-db1", l)
			got := verdict("orders", found)
			if got.Reconcilable != tt.want || (len(found) == 0) != (tt.says == "") {
				t.Errorf("%+v of %+v, want %s", got, found, tt.want)
			}
			for _, f := range found {
				if !strings.Contains(f.Finding, tt.says) || f.Fix == "" || f.Object != "server/east-db1" {
					t.Errorf("found %+v, want %q", f, tt.says)
				}
			}
		})
	}
}

func TestVerdictIsTheWorstOfAllServers(t *testing.T) {
	partly, no, unknown := finding{Object: "server/a", limits: extentPartly}, finding{Object: "server/b", limits: extentNo}, finding{limits: extentUnknown}
	for _, tt := range []struct {
		found []finding
		want  extent
	}{
		{nil, extentYes},
		{[]finding{{Severity: severityError}}, extentYes},
		{[]finding{partly, unknown}, extentUnknown},
		{[]finding{no, partly, unknown}, extentNo},
	} {
		got := verdict("orders", tt.found)
		if got.Reconcilable != tt.want {
			t.Errorf("%+v: %s, want %s", tt.found, got.Reconcilable, tt.want)
		}
		var out bytes.Buffer
		if err := drawReconcilable(&out, []reconcilability{got}); err != nil || !strings.HasPrefix(out.String(), "cluster/orders: ") {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}
