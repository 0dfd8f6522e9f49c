package trial

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseGeneralLog(t *testing.T) {
	const text = "/usr/sbin/mysqld, Version: 9.7.4 (Debian). started with:\n" +
		"Tcp port: 3306  Unix socket: /tmp/s\n" +
		"Time                 Id Command    Argument\n" +
		"2026-11-21T11:00:00.000001Z\t   12 Query\tSELECT 'read the facts' AS regent_table;\n" +
		"SELECT 1\n" +
		"2026-11-21T11:00:00.000002Z\t   12 Query\tSTOP REPLICA IO_THREAD\n" +
		"2026-11-21T11:00:00.100000Z\t   40 Connect\tregent@10.2.1.10 on  using TCP/IP\n" +
		"2026-11-21T11:00:00.200000Z\t   40 Query\tSET GLOBAL read_only = OFF\n" +
		"2026-11-21T11:00:00.200000Z\t   40 Quit\t\n" +
		"2026-11-21T11:00:00.300000Z\t    9 Query\tINSERT INTO app.ledger_rows VALUES (1)\n"
	at := func(micros int) time.Time { return time.Date(2026, 11, 21, 11, 0, 0, micros*1000, time.UTC) }
	want := []Statement{
		{At: at(1), Node: "east-1", Connection: "12", Text: "SELECT 'read the facts' AS regent_table;"},
		{At: at(2), Node: "east-1", Connection: "12", Text: "STOP REPLICA IO_THREAD"},
		{At: at(200000), Node: "west-1", Connection: "40", Text: "SET GLOBAL read_only = OFF"},
		{At: at(300000), Connection: "9", Text: "INSERT INTO app.ledger_rows VALUES (1)"},
	}
	got := parseGeneralLog(text, map[string]string{"12": "east-1"}, map[string]string{"10.2.1.10": "west-1"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	effects := 0
	for _, s := range got {
		if s.Effect() {
			effects++
		}
	}
	if effects != 2 {
		t.Errorf("%d effects", effects)
	}
}
