//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
)

// checked is a cluster of one server with the files that `regent check` reads of it.
type checked struct {
	*shell
	server         *mysqldtest.Server
	node, clusters string
}

func newChecked(t *testing.T) *checked {
	t.Helper()
	server := mysqldtest.Start(t, "east-db1", 1, false)
	dir := t.TempDir()
	c := &checked{shell: &shell{t: t}, server: server, node: filepath.Join(dir, "node.yaml"), clusters: filepath.Join(dir, "clusters.yaml")}
	account := server.Accounts.Controller
	rewrite(t, filepath.Join(dir, "password"), []byte(account.Password+"\n"))
	rewrite(t, filepath.Join(dir, "tokens.yaml"), []byte("tokens: [{name: lab, token: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, roles: [viewer]}]\n"))
	rewrite(t, c.node, fmt.Appendf(nil, `node: {id: a, site: east-a, region: east, data_dir: %s}
raft: {listen: "127.0.0.1:7400", peers: [{id: a, address: "127.0.0.1:7400"}]}
api: {listen: "127.0.0.1:7480", tokens_file: %[2]s/tokens.yaml}
mysql: {user: %[3]s, password_file: %[2]s/password, replication_password_file: %[2]s/password}
`, filepath.Join(dir, "data"), dir, account.User))
	rewrite(t, c.clusters, fmt.Appendf(nil, `clusters:
  - name: orders
    home_region: east
    servers: [{name: east-db1, address: "%s", region: east, site: east-a}]
    policy: {durability: async, max_lost_transactions: 10}
`, server.Address()))
	return c
}

// expects runs the check and wants that verdict, and a finding of that grade which says so; none where it says nothing.
func (c *checked) expects(name string, verdict extent, grade severity, says string) {
	c.t.Helper()
	r := c.run("check", "--config", c.node, "-f", c.clusters, "-o", "json")
	var report checkReport
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		c.t.Errorf("%s: %v: %s%s", name, err, r.out, r.errs)
		return
	}
	code, found := codeDone, says == ""
	for _, f := range report.Findings {
		if f.Severity == severityError {
			code = codeError
		}
		if says != "" && strings.Contains(f.Finding, says) {
			found = f.Severity == grade && f.Fix != "" && f.Object == "server/east-db1"
		}
	}
	if r.code != code || !found || len(report.Clusters) != 1 || report.Clusters[0].Reconcilable != verdict {
		c.t.Errorf("%s: exit %d, want %d; want %s and %q: %+v", name, r.code, code, verdict, says, report)
		return
	}
	because := report.Clusters[0].Because
	if (verdict == extentYes) != (len(because) == 0) || verdict != extentYes && !strings.Contains(strings.Join(because, "; "), says) {
		c.t.Errorf("%s: because of %q", name, because)
	}
}

// TestCheckOfARealServer changes one thing at a time on a server that is reconcilable, and asks each time.
func TestCheckOfARealServer(t *testing.T) {
	c := newChecked(t)
	admin := c.server.Admin(t)
	account := "'" + c.server.Accounts.Controller.User + "'@'%'"
	do(t, admin, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, j JSON)")
	c.expects("as it should be", extentYes, "", "")
	if r := c.run("check", "--config", c.node, "-f", c.clusters, "-o", "table"); r.code != codeDone ||
		!strings.Contains(r.out, "cluster/orders: reconcilable today") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
	for _, step := range []struct {
		change, undo string
		verdict      extent
		grade        severity
		says         string
	}{
		{"SET GLOBAL binlog_format = STATEMENT", "SET GLOBAL binlog_format = ROW", extentNo, severityError, "binlog_format is STATEMENT"},
		{"SET GLOBAL binlog_format = MIXED", "SET GLOBAL binlog_format = ROW", extentNo, severityError, "binlog_format is MIXED"},
		{"SET GLOBAL binlog_row_image = MINIMAL", "SET GLOBAL binlog_row_image = FULL", extentNo, severityError, "binlog_row_image is MINIMAL"},
		{"SET GLOBAL binlog_row_image = NOBLOB", "SET GLOBAL binlog_row_image = FULL", extentNo, severityError, "binlog_row_image is NOBLOB"},
		{"SET GLOBAL binlog_row_value_options = PARTIAL_JSON", "SET GLOBAL binlog_row_value_options = ''", extentPartly, severityWarning, "PARTIAL_JSON"},
		{"SET GLOBAL binlog_row_metadata = MINIMAL", "SET GLOBAL binlog_row_metadata = FULL", extentYes, severityNote, "binlog_row_metadata is MINIMAL"},
		{"SET GLOBAL binlog_checksum = NONE", "SET GLOBAL binlog_checksum = CRC32", extentPartly, severityWarning, "binlog_checksum is NONE"},
		{"SET GLOBAL binlog_expire_logs_seconds = 3600", "SET GLOBAL binlog_expire_logs_seconds = DEFAULT", extentNo, severityError, "binlog_expire_logs_seconds is 3600"},
		{"SET GLOBAL binlog_expire_logs_seconds = 100000", "SET GLOBAL binlog_expire_logs_seconds = DEFAULT", extentPartly, severityWarning, "binlog_expire_logs_seconds is 100000"},
		{"CREATE TABLE shop.log (line TEXT)", "DROP TABLE shop.log", extentPartly, severityWarning, "1 table has no primary key, so that their rows are left to a person: shop.log"},
		{"CREATE TABLE shop.old (id INT PRIMARY KEY) ENGINE = MyISAM", "DROP TABLE shop.old", extentPartly, severityWarning, "shop.old"},
		{"REVOKE TRIGGER ON *.* FROM " + account, "GRANT TRIGGER ON *.* TO " + account, extentPartly, severityWarning, "may not see the triggers of 1 schema"},
		{"REVOKE REPLICATION SLAVE ON *.* FROM " + account, "GRANT REPLICATION SLAVE ON *.* TO " + account, extentNo, severityError, "lacks REPLICATION SLAVE"},
		{"REVOKE SELECT ON *.* FROM " + account, "GRANT SELECT ON *.* TO " + account, extentUnknown, severityError, "SELECT"},
		{"SET GLOBAL gtid_mode = ON_PERMISSIVE", "SET GLOBAL gtid_mode = ON", extentNo, severityError, "gtid_mode is ON_PERMISSIVE"},
	} {
		do(t, admin, step.change)
		c.expects(step.change, step.verdict, step.grade, step.says)
		do(t, admin, step.undo)
	}
	c.expects("all undone", extentYes, "", "")

	for flags, says := range map[string]string{"--skip-log-bin": "log_bin is OFF", "--gtid-mode=OFF --enforce-gtid-consistency=OFF": "gtid_mode is OFF"} {
		if err := c.server.Kill(); err != nil {
			t.Fatal(err)
		}
		c.server.With(strings.Fields(flags)...)
		c.server.Run(t)
		c.expects(flags, extentNo, severityError, says)
	}
	if err := c.server.Kill(); err != nil {
		t.Fatal(err)
	}
	c.expects("down", extentUnknown, severityError, "connect")
}
