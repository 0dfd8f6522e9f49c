package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/lab"
)

// diskFillsUp gives a server its disk, has a write wait on it while it is full, and leaves it with the disk: the lab
// has to end all the same.
func diskFillsUp(t *testing.T, client *lab.Client) {
	const server = "east-db3"
	room := func(r lab.Room) error { return client.Disk(t.Context(), lab.DiskRequest{Server: server, Room: r}) }
	if err := room(lab.Full); err == nil || !strings.Contains(err.Error(), "no disk of its own") {
		t.Errorf("a full disk without one of its own gave %v", err)
	}
	if err := room("tape"); !errors.Is(err, lab.ErrUnknown) {
		t.Errorf("a room that does not exist gave %v", err)
	}
	for _, r := range []lab.Room{lab.Own, lab.Shared, lab.Shared, lab.Own, lab.Own, lab.Full} {
		if err := room(r); err != nil {
			t.Fatalf("%s: %v", r, err)
		}
	}
	outside, err := os.ReadDir(filepath.Join(client.Dir(), "servers", server, "disk"))
	if err != nil || len(outside) > 0 {
		t.Errorf("the machine sees %v on the disk, %v", outside, err)
	}
	db := open(t, client, server)
	if _, err := db.ExecContext(t.Context(), "SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF"); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	written := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(limited, `INSERT INTO app.ledger_rows (id, attempt, amount, note)
			WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 200) SELECT CONCAT('full-', n), 'full', n, REPEAT('x', 100) FROM k`)
		written <- err
	}()
	beside := open(t, client, server)
	within(t, func() error {
		var waiting int
		err := beside.QueryRowContext(t.Context(),
			"SELECT COUNT(*) FROM performance_schema.error_log WHERE data LIKE 'Disk is full writing%'").Scan(&waiting)
		if err == nil && waiting == 0 {
			err = fmt.Errorf("no word about a full disk")
		}
		return err
	})
	if err := room(lab.Own); err != nil {
		t.Error(err)
	}
	cancel() // it would go on once a minute has passed.
	if err := <-written; err == nil {
		t.Error("a write succeeded on a full disk")
	}
}
