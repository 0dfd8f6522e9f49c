//go:build integration

package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoggingNamesWhatCannotBeReconciled(t *testing.T) {
	db := start(t, 1)[0]
	clean, err := db.Logging(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if clean.Keyless.Count+clean.Untransactional.Count != 0 || clean.Variables["binlog_format"] != "ROW" || clean.Variables["gtid_mode"] != "ON" {
		t.Errorf("a new server: %+v", clean)
	}
	db.do(t, "CREATE DATABASE shop_1", "CREATE DATABASE shop2",
		"CREATE TABLE shop_1.a (id INT PRIMARY KEY)", "CREATE TABLE shop_1.b (id INT)", "CREATE TABLE shop_1.c (id INT PRIMARY KEY) ENGINE=MyISAM",
		"CREATE TABLE shop2.d (id INT UNIQUE)",
		"REVOKE TRIGGER ON *.* FROM '"+db.accounts.Controller.User+"'@'%'",
		"GRANT TRIGGER ON `shop\\_1`.* TO '"+db.accounts.Controller.User+"'@'%'",
		"SET GLOBAL binlog_row_value_options=PARTIAL_JSON, GLOBAL binlog_expire_logs_seconds=3600")
	got, err := db.Logging(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Tables{
		"keyless": {2, []string{"shop2.d", "shop_1.b"}}, "engines": {1, []string{"shop_1.c"}}, "hidden": {1, []string{"shop2"}},
	}
	have := map[string]Tables{"keyless": got.Keyless, "engines": got.Untransactional, "hidden": got.TriggersHidden}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Variables["binlog_row_value_options"] != "PARTIAL_JSON" || got.Variables["binlog_expire_logs_seconds"] != "3600" {
		t.Errorf("%v", got.Variables)
	}
}
