//go:build integration

package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/lab/mysqld/mysqldtest"
)

// secretNote is a value of a row, which must never be printed.
const secretNote = "secretNote-7fe1"

// reconciler has just the grants that the guide names.
const reconciler = "reconcile"

func do(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// split makes an old and a new primary that both accepted writes after they lost each other.
func split(t *testing.T) (old, fresh *mysqldtest.Server) {
	t.Helper()
	old, fresh = mysqldtest.Start(t, "east-db1", 1, false), mysqldtest.Start(t, "west-db1", 2, false)
	part(t, old, fresh)
	return old, fresh
}

// part makes them of two servers that have written nothing yet.
func part(t *testing.T, old, fresh *mysqldtest.Server) {
	t.Helper()
	a, b := old.Admin(t), fresh.Admin(t)
	do(
		t, a, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, state VARCHAR(40), total DECIMAL(10,2))",
		"CREATE USER "+reconciler+" IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE, SELECT, TRIGGER ON *.* TO "+reconciler,
		"INSERT INTO shop.orders VALUES (1,'new',10),(2,'new',20),(3,'new',30)",
	)
	do(t, b, fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='%s', SOURCE_PASSWORD='%s', "+
		"SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1", old.Spec().Address.Addr(), old.Spec().Address.Port(),
		old.Accounts.Controller.User, old.Accounts.Controller.Password), "START REPLICA")
	var executed string
	var late int
	if err := a.QueryRowContext(t.Context(), "SELECT @@GLOBAL.gtid_executed").Scan(&executed); err != nil {
		t.Fatal(err)
	}
	if err := b.QueryRowContext(t.Context(), "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 30)", executed).Scan(&late); err != nil || late != 0 {
		t.Fatalf("the replica did not catch up: %d, %v", late, err)
	}
	do(t, b, "STOP REPLICA", "RESET REPLICA ALL")
	do(t, a, "UPDATE shop.orders SET state='paid' WHERE id=1", "UPDATE shop.orders SET state='east' WHERE id=2",
		"FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (4,'"+secretNote+"',40)", "UPDATE shop.orders SET state='sent' WHERE id=3")
	do(t, b, "UPDATE shop.orders SET state='west' WHERE id=2", "UPDATE shop.orders SET state='sent' WHERE id=3")
}

// lines are the transactions of a kept report.
func lines(t *testing.T, dir string) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.CopyTransactions(&out, dir, true); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDiffNeedsNoController(t *testing.T) {
	old, fresh := split(t)
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t}
	account := func(server *mysqldtest.Server) string { return reconciler + "@" + server.Address() }
	diffInto := func(out, from, to string) diffResult {
		t.Helper()
		r := s.run("report", "diff", "--old", from, "--new", to, "--password-file", password, "--out", filepath.Join(dir, out), "-o", "json")
		var result diffResult
		if err := json.Unmarshal([]byte(r.out), &result); r.code != codeDone || err != nil {
			t.Fatalf("exit %d, %v: %s%s", r.code, err, r.out, r.errs)
		}
		if strings.Contains(r.out+r.errs, secretNote) {
			t.Errorf("a value is printed: %s%s", r.out, r.errs)
		}
		return result
	}
	asked := diffInto("asked", account(old), account(fresh))
	want := map[string]int{"SAFE": 2, "CONFLICT": 1, "ALREADY": 1}
	if diff := cmp.Diff(want, asked.ByClass); diff != "" || !asked.Complete {
		t.Errorf("two servers: (-want +got)\n%s", diff)
	}
	old.Close()
	data := filepath.Join(old.Spec().Dir, "data")
	read := diffInto("read", data, account(fresh))
	if diff := cmp.Diff(want, read.ByClass); diff != "" || !read.Complete {
		t.Errorf("files and a server: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(lines(t, filepath.Join(dir, "asked")), lines(t, filepath.Join(dir, "read"))); diff != "" {
		t.Errorf("the reports differ (-asked +read)\n%s", diff)
	}
	again := diffInto("read", data, account(fresh))
	if diff := cmp.Diff(read.ByClass, again.ByClass); diff != "" {
		t.Errorf("repeated: (-first +again)\n%s", diff)
	}
	alone := diffInto("alone", data, filepath.Join(fresh.Spec().Dir, "data"))
	if diff := cmp.Diff(map[string]int{"OPAQUE": 4}, alone.ByClass); diff != "" {
		t.Errorf("files on both sides: (-want +got)\n%s", diff)
	}
	if r := s.run("report", "diff", "--old", account(fresh), "--new", account(fresh), "--password-file", password); r.code != codeError ||
		!strings.Contains(r.errs, "same server") {
		t.Errorf("exit %d: %s", r.code, r.errs)
	}
	r := s.run("report", "diff", "--old", data, "--new", account(fresh), "--password-file", password, "-o", "table")
	if r.code != codeDone || !strings.Contains(r.out, "4 transactions, 1 table") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.errs)
	}
	t.Log(r.errs, r.out)
}
