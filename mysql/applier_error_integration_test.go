//go:build integration

package mysql

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/regentdb/regent/topology"
)

// TestAnObservationHasNoValues: an applier that stopped over a row says so in the server's own words, which repeat the
// row. What is observed goes to the log, the page and the API.
func TestAnObservationHasNoValues(t *testing.T) {
	const canary = "canary7f3a"
	all := start(t, 2)
	source, replica := all[0], all[1]
	source.admin.SetMaxOpenConns(1) // The session's settings hold for the statements behind them.
	replica.admin.SetMaxOpenConns(1)
	source.do(t, "CREATE DATABASE shop", "CREATE TABLE shop.users (mail VARCHAR(80) PRIMARY KEY, name VARCHAR(80))")
	replicate(t, all)
	until(t, "the table is there", func() bool {
		return replica.scan(t, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'") == "1"
	})
	prober := replica.Prober()
	defer prober.Close()
	broken := func(format string) {
		t.Helper()
		var f *topology.Facts
		until(t, "the applier stops", func() bool {
			var err error
			f, err = prober.Observe(t.Context())
			return err == nil && f.Source != nil && f.Source.ApplierError != ""
		})
		if !strings.Contains(replica.scan(t, "SELECT GROUP_CONCAT(last_error_message) FROM performance_schema.replication_applier_status_by_worker"), canary) {
			t.Errorf("%s: the server does not repeat the value: this proves nothing", format)
		}
		text, err := json.Marshal(f)
		if err != nil || strings.Contains(string(text), canary) || !strings.Contains(f.Source.ApplierError, "1062") {
			t.Errorf("%s: %v, %q", format, err, f.Source.ApplierError)
		}
	}
	replica.do(t, "SET GLOBAL super_read_only = OFF", "SET SESSION sql_log_bin = 0", "INSERT INTO shop.users VALUES ('"+canary+"', 'west')")
	source.do(t, "INSERT INTO shop.users VALUES ('"+canary+"', '"+canary+"')")
	broken("rows")
	replica.do(t, "STOP REPLICA", "DELETE FROM shop.users", "START REPLICA")
	until(t, "the row is applied", func() bool { return replica.scan(t, "SELECT MAX(name) FROM shop.users") == canary })
	replica.do(t, "INSERT INTO shop.users VALUES ('"+canary+"2', 'west')")
	source.do(t, "SET SESSION binlog_format = STATEMENT", "INSERT INTO shop.users VALUES ('"+canary+"2', '"+canary+"')")
	broken("a statement")
}
