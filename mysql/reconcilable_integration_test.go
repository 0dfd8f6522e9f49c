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

// TestLoggingNamesHiddenForeignKeys takes the right to read one table away, and then the right to know that it is there.
func TestLoggingNamesHiddenForeignKeys(t *testing.T) {
	db := start(t, 1)[0]
	account := "'" + db.accounts.Controller.User + "'@'%'"
	db.do(t, "CREATE DATABASE shop", "CREATE TABLE shop.parents (id INT PRIMARY KEY)",
		"CREATE TABLE shop.children (id INT PRIMARY KEY, p INT, CONSTRAINT c FOREIGN KEY (p) REFERENCES shop.parents (id))")
	for _, step := range []struct {
		change  []string
		hidden  Tables
		unknown bool
	}{
		{},
		{[]string{"REVOKE PROCESS ON *.* FROM " + account}, Tables{}, false},
		{[]string{"REVOKE SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, TRIGGER, EVENT, LOCK TABLES ON *.* FROM " + account, "GRANT SELECT ON mysql.* TO " + account, "GRANT SELECT ON performance_schema.* TO " + account, "GRANT SELECT ON shop.parents TO " + account}, Tables{}, true},
		{[]string{"GRANT PROCESS ON *.* TO " + account}, Tables{1, []string{"shop.children"}}, false},
		{[]string{"GRANT SELECT ON shop.children TO " + account}, Tables{}, false},
	} {
		if len(step.change) > 0 {
			db.do(t, step.change...)
		}
		got, err := db.Logging(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.hidden, got.ForeignKeysHidden); diff != "" || got.ForeignKeysUnknown != step.unknown {
			t.Errorf("after %v: unknown %t (-want +got)\n%s", step.change, got.ForeignKeysUnknown, diff)
		}
	}
}
