//go:build integration

package binlog_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/report"
)

// relations is a schema whose tables depend on each other in every way that classes speak of.
func relations() []string {
	return []string{
		"CREATE DATABASE shop",
		"CREATE TABLE shop.customers (id INT AUTO_INCREMENT PRIMARY KEY, mail VARCHAR(80) UNIQUE, name VARCHAR(80), seen DATETIME(6))",
		"CREATE TABLE shop.orders (id INT PRIMARY KEY, customer INT, mail VARCHAR(80), tag INT UNIQUE, " +
			"CONSTRAINT by_id FOREIGN KEY (customer) REFERENCES shop.customers (id) ON DELETE CASCADE ON UPDATE CASCADE, " +
			"CONSTRAINT by_mail FOREIGN KEY (mail) REFERENCES shop.customers (mail))",
		"CREATE TABLE shop.tree (id INT PRIMARY KEY, up INT, CONSTRAINT up FOREIGN KEY (up) REFERENCES shop.tree (id))",
		"CREATE TABLE shop.notes (id INT PRIMARY KEY, body TEXT, UNIQUE KEY start (body(4)), v INT)",
		"CREATE TABLE shop.watched (id INT PRIMARY KEY, v INT)",
		"CREATE TRIGGER shop.watch AFTER INSERT ON shop.watched FOR EACH ROW INSERT INTO shop.tree VALUES (1000 + NEW.id, NULL)",
		"CREATE TABLE shop.words (id VARCHAR(20) PRIMARY KEY, a INT, b INT)",
		"INSERT INTO shop.customers VALUES (1,'a','A',NOW(6)),(2,'b','B',NOW(6)),(3,'c','C',NOW(6)),(4,'d','D',NOW(6)),(5,'f','F',NOW(6)),(6,'g','G',NOW(6))",
		"INSERT INTO shop.orders VALUES (1,1,NULL,NULL),(2,5,NULL,NULL),(3,6,NULL,NULL)",
		"INSERT INTO shop.watched VALUES (1,1)",
		"INSERT INTO shop.notes VALUES (1,'text',1)",
		"INSERT INTO shop.words VALUES ('m',1,1),('n',1,1)",
	}
}

// oldRelations writes on the old primary alone and returns the class that each transaction must get.
func oldRelations(s *server) map[string]string {
	want := map[string]string{}
	for _, tx := range []struct {
		class      string
		statements []string
	}{
		{"SAFE", []string{"UPDATE shop.customers SET mail=NULL WHERE id=1", "UPDATE shop.customers SET mail='a' WHERE id=2", "UPDATE shop.customers SET mail='b' WHERE id=1"}},
		{"SAFE", []string{"UPDATE shop.customers SET mail='é' WHERE id=3"}},
		{"SAFE", []string{"INSERT INTO shop.orders VALUES (10,3,'E',10)"}}, // The parent has this mail only since the last transaction.
		{"SAFE", []string{"INSERT INTO shop.customers VALUES (20,'t','T',NOW(6))", "INSERT INTO shop.orders VALUES (11,20,'T',11)"}},
		{"UNIQUE_COLLISION", []string{"INSERT INTO shop.customers VALUES (21,'taken','U',NOW(6))"}},
		{"UNIQUE_COLLISION", []string{"UPDATE shop.customers SET name='later' WHERE id=21"}},
		{"LIKELY_REPEATED", []string{"INSERT INTO shop.customers VALUES (22,'again','V',NOW(6))"}},
		{"LIKELY_REPEATED", []string{"INSERT INTO shop.customers VALUES (23,NULL,'Same',NOW(6))"}},
		{"LIKELY_REPEATED", []string{"INSERT INTO shop.orders VALUES (12,23,NULL,12)"}},
		{"AUTO_INCREMENT", []string{"INSERT INTO shop.customers VALUES (24,'w','W',NOW(6))"}},
		{"AUTO_INCREMENT", []string{"INSERT INTO shop.orders VALUES (13,24,NULL,13)"}},
		{"FOREIGN_KEY", []string{"DELETE FROM shop.customers WHERE id=4"}},      // The new side has an order of it.
		{"FOREIGN_KEY", []string{"UPDATE shop.customers SET id=55 WHERE id=5"}}, // The cascade is logged before its parent.
		{"SAFE", []string{"DELETE FROM shop.orders WHERE id=3"}},                // The last child, ...
		{"SAFE", []string{"DELETE FROM shop.customers WHERE id=6"}},             // ... and then its parent.
		{"SAFE", []string{"INSERT INTO shop.tree VALUES (1,1)", "INSERT INTO shop.tree VALUES (2,1)"}},
		{"UNIQUE_COLLISION", []string{"INSERT INTO shop.notes VALUES (2,'other',1)"}},
		{"SAFE", []string{"UPDATE shop.notes SET v=2 WHERE id=1"}},
		{"OPAQUE", []string{"INSERT INTO shop.watched VALUES (2,2)"}},
		{"SAFE", []string{"UPDATE shop.watched SET v=3 WHERE id=1"}},
		{"SAFE", []string{"INSERT INTO shop.words VALUES ('x',1,1)"}},
		{"SAFE", []string{"UPDATE shop.words SET id='y' WHERE id='x'"}},
		{"MERGEABLE", []string{"UPDATE shop.words SET a=2 WHERE id='m'"}},
		{"CONFLICT", []string{"INSERT INTO shop.words VALUES ('É',1,1)"}},
		{"OPAQUE", []string{"UPDATE shop.words SET id='ñ' WHERE id='n'"}},
	} {
		want[s.transaction(tx.statements...)] = tx.class
	}
	return want
}

func TestRelationsAreClassifiedAndReplayed(t *testing.T) {
	old, fresh := newServer(t, "east-db1", 1), newServer(t, "west-db1", 2)
	old.run(relations()...)
	fresh.follow(old)
	want := oldRelations(old)
	fresh.run(
		"INSERT INTO shop.customers VALUES (30,'again','V',NOW(6)),(31,NULL,'Same',NOW(6)),(24,'z','Z',NOW(6)),(32,'q','Q',NOW(6))",
		"UPDATE shop.customers SET mail='Taken' WHERE id=32",
		"INSERT INTO shop.orders VALUES (50,4,NULL,NULL)",
		"UPDATE shop.words SET b=2 WHERE id='m'",
		"INSERT INTO shop.words VALUES ('e',2,2)",
	)
	dir := filepath.Join(t.TempDir(), "report")
	captureOf(t, dir, fresh, old)
	request := compareRequest(dir, fresh)
	request.Rules = map[binlog.TableName]binlog.TableRule{
		{Schema: "shop", Table: "customers"}: {Volatile: []string{"seen"}, Harmless: []string{"ID"}},
		{Schema: "shop", Table: "words"}:     {Mergeable: true},
	}
	if _, err := binlog.Compare(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, classesOf(t, dir)); diff != "" {
		t.Errorf("classes: (-want +got)\n%s", diff)
	}
	if err := fresh.pipe(filepath.Join(dir, report.SQLName)); err != nil {
		t.Fatalf("replay: %v", err)
	}
	for query, want := range map[string]string{
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, IFNULL(mail,'-'), name) ORDER BY id) FROM shop.customers": "1|b|A,2|a|B,3|é|C,4|d|D,5|f|F," +
			"20|t|T,24|z|Z,30|again|V,31|-|Same,32|Taken|Q",
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, customer, IFNULL(mail,'-')) ORDER BY id) FROM shop.orders": "1|1|-,2|5|-,10|3|E,11|20|T,50|4|-",
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, IFNULL(up,'-')) ORDER BY id) FROM shop.tree":               "1|1,2|1,1001|-",
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, v) ORDER BY id) FROM shop.watched":                         "1|3",
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, a, b) ORDER BY id) FROM shop.words":                        "e|2|2,m|1|2,n|1|1,y|1|1",
		"SELECT GROUP_CONCAT(CONCAT_WS('|', id, body, v) ORDER BY id) FROM shop.notes":                     "1|text|2",
	} {
		if got := fresh.value(query); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
	proposed(t, dir, fresh)
}

// proposed follows the proposals, which are comments in the SQL, and finds the same in the lines of the report, redacted
// but for the harmless column.
func proposed(t *testing.T, dir string, fresh *server) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, report.SQLName))
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for line := range strings.Lines(string(text)) {
		if statement, ok := strings.CutPrefix(line, "--     "); ok && strings.HasSuffix(statement, ";\n") {
			statements = append(statements, statement)
		}
	}
	path := filepath.Join(t.TempDir(), "proposals.sql")
	if err := os.WriteFile(path, []byte("SET time_zone = '+00:00';\n"+strings.Join(statements, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fresh.pipe(path); err != nil {
		t.Fatalf("%v: %q", err, statements)
	}
	got := fresh.value("SELECT CONCAT_WS('|', c.id, c.mail, o.id) FROM shop.customers c JOIN shop.orders o ON o.customer = c.id WHERE c.name = 'W'")
	if got != "56|w|13" {
		t.Errorf("the proposals make %q of it", got)
	}
	var lines bytes.Buffer
	if err := report.CopyTransactions(&lines, dir, false); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`"key":\{"id":24\},"class":"AUTO_INCREMENT".*"proposal":\{"column":"id","value":56,"children":\[\{"gtid":"[^"]*",` +
		`"schema":"shop","table":"orders","key":\{"id":"#[0-9a-f]{16}"\},"foreign_key":"by_id","column":"customer"\}\],"referring":1\}`)
	if !want.MatchString(lines.String()) {
		t.Errorf("no line has %s", want)
	}
}
