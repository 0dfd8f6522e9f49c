//go:build integration

package binlog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
)

// TestHiddenForeignKeysAreNoticed reads a parent table with accounts that see more and less of its children.
func TestHiddenForeignKeysAreNoticed(t *testing.T) {
	t.Parallel()
	s := newServer(t, "west-db1", 1)
	s.run("CREATE DATABASE shop", "CREATE DATABASE other", "CREATE TABLE shop.parents (id INT PRIMARY KEY)",
		"CREATE TABLE other.`chil-dren` (id INT PRIMARY KEY, p INT, CONSTRAINT c FOREIGN KEY (p) REFERENCES shop.parents (id))",
		"CREATE TABLE shop.self (id INT PRIMARY KEY, p INT, CONSTRAINT s FOREIGN KEY (p) REFERENCES shop.self (id))",
		"CREATE USER account IDENTIFIED BY 'x'", "GRANT SELECT, REFERENCES ON shop.* TO account")
	const grantProcess = "GRANT PROCESS ON *.* to"
	for _, step := range []struct {
		grant []string
		says  map[string]string
	}{
		{nil, map[string]string{"parents": grantProcess, "self": grantProcess}},
		{[]string{"GRANT PROCESS ON *.* TO account"}, map[string]string{"parents": "GRANT SELECT ON `other`.`chil-dren` to"}},
		{[]string{"GRANT REFERENCES ON other.`chil-dren` TO account"}, nil},
		{[]string{"REVOKE PROCESS ON *.* FROM account", "GRANT SELECT ON *.* TO account"}, nil},
	} {
		s.run(step.grant...)
		at := s.endpoint()
		at.User, at.Password = "account", "x"
		session, err := live.OpenSession(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"parents", "self"} {
			d, err := session.Definition(t.Context(), diff.Name{Schema: "shop", Table: table})
			if err != nil {
				t.Fatal(err)
			}
			want := step.says[table]
			if (want == "") != (d.ForeignKeysHidden == "") || !strings.Contains(d.ForeignKeysHidden, want) {
				t.Errorf("after %v, %s: %q, want %q", step.grant, table, d.ForeignKeysHidden, want)
			}
			if table == "self" && !slices.ContainsFunc(d.References, func(f diff.ForeignKey) bool { return f.Name == "s" }) {
				t.Errorf("%+v", d.References)
			}
		}
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
