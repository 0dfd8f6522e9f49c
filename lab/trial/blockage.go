package trial

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// Blockage is a state of a primary in which something is in the way of its commits, or of its fence.
type Blockage string

// Blockages.
const (
	UnheardCommits  Blockage = "unheard-commits"  // commits wait for acknowledgements that do not come
	LongWrite       Blockage = "long-write"       // a statement has changed many rows, and goes on
	LockedTable     Blockage = "lock-tables"      // an application has locked the table that the others write
	OpenTransaction Blockage = "autocommit-0"     // applications have written and not committed
	FullDisk        Blockage = "full-disk"        // there is no room for the binary log
	Connections     Blockage = "2000-connections" // as many as fit, and no room for another
)

// Blockages lists all of them.
func Blockages() []Blockage {
	return []Blockage{UnheardCommits, LongWrite, LockedTable, OpenTransaction, FullDisk, Connections}
}

// The sizes of blockages.
const (
	manyConnections  = 2000
	openTransactions = 8
	changedRows      = 40_000
)

// longTable is what the long write changes.
const longTable = "app.blocked_rows"

// blockage is one while it lasts.
type blockage struct {
	w        *World
	kind     Blockage
	primary  string
	db       *sql.DB // of the application
	held     []*sql.Conn
	running  sync.WaitGroup // the long write
	stop     context.CancelFunc
	attempts []workload.Attempt
	run      string
}

// prepareBlockage does what has to be there before a primary can get into the state.
func (w *World) prepareBlockage(ctx context.Context, kind Blockage, primary, other string) error {
	switch kind {
	case FullDisk:
		if err := w.ensurePrimary(ctx, other); err != nil {
			return err
		}
		if err := w.Lab.Disk(ctx, lab.DiskRequest{Server: primary, Room: lab.Own}); err != nil {
			return err
		}
		if _, err := w.Heal(ctx); err != nil {
			return err
		}
	case LongWrite:
		if err := w.ensurePrimary(ctx, primary); err != nil {
			return err
		}
		if err := w.longTable(ctx, primary); err != nil {
			return err
		}
	case UnheardCommits, LockedTable, OpenTransaction, Connections:
	}
	return w.ensurePrimary(ctx, primary)
}

// longTable makes the table that the long write changes.
func (w *World) longTable(ctx context.Context, primary string) error {
	db, err := w.DB(primary)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	statements := []string{
		"CREATE DATABASE IF NOT EXISTS app", "DROP TABLE IF EXISTS " + longTable,
		"CREATE TABLE " + longTable + " (id INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, filler CHAR(100) NOT NULL DEFAULT '')",
	}
	const batch = 2000
	for first := 1; first < changedRows+batch; first += batch {
		var rows strings.Builder
		for id := first; id < first+batch; id++ {
			fmt.Fprintf(&rows, ",(%d,0)", id)
		}
		statements = append(statements, "INSERT INTO "+longTable+" (id, n) VALUES "+rows.String()[1:])
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("trial: %s: %w", primary, err)
		}
	}
	return nil
}

// block brings the primary into a state.
func (w *World) block(ctx context.Context, kind Blockage, primary string) (*blockage, error) {
	b := &blockage{w: w, kind: kind, primary: primary, run: runName("blocked")}
	var err error
	if b.db, err = w.open(primary, w.status.MySQL.AppUser, w.status.MySQL.AppPassword); err != nil {
		return nil, err
	}
	switch kind {
	case UnheardCommits:
		err = b.cutReplicas(ctx)
	case LongWrite:
		err = b.writeLong(ctx)
	case LockedTable:
		err = b.lockTable(ctx)
	case OpenTransaction:
		err = b.openTransactions(ctx)
	case FullDisk:
		err = w.Lab.Disk(ctx, lab.DiskRequest{Server: primary, Room: lab.Full})
	case Connections:
		err = b.connect(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("trial: %s on %s: %w", kind, primary, err), b.lift(context.WithoutCancel(ctx)))
	}
	return b, nil
}

// cutReplicas keeps the primary and its replicas from hearing each other; the nodes see all of them. Those
// elsewhere are cut off too: what they received before it was acknowledged would have them rebuilt after each case.
func (b *blockage) cutReplicas(ctx context.Context) error {
	for _, s := range b.w.Servers("") {
		if s == b.primary {
			continue
		}
		if err := b.w.Lab.Cut(ctx, lab.CutRequest{Target: b.primary, From: s}); err != nil {
			return err
		}
	}
	return nil
}

// writeLong starts a statement, and returns when it has changed many rows and goes on with the others slowly.
func (b *blockage) writeLong(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	ended := make(chan error, 1)
	b.running.Go(func() {
		_, err := b.db.ExecContext(running, fmt.Sprintf("UPDATE %s SET n = n + 1 + IF(id <= %d, 0, SLEEP(1))", longTable, changedRows))
		ended <- err
	})
	var failed error
	err := Await(ctx, time.Minute, "many changed rows", func(ctx context.Context) (bool, string) {
		select {
		case err := <-ended:
			failed = fmt.Errorf("the long write ended before it had changed many rows: %w", err)
			return true, ""
		default:
		}
		// innodb_trx would tell the rows, but its copy is not renewed for who reads it more often than every 100 ms.
		slow, err := b.w.ask(ctx, b.primary, "SELECT COUNT(*) FROM performance_schema.processlist WHERE state = 'User sleep' AND info LIKE 'UPDATE "+longTable+"%'")
		return err == nil && slow == "1", fmt.Sprintf("%s statements at the slow rows, error %v", slow, err)
	})
	return errors.Join(err, failed)
}

// conn is another connection of the application, which is kept.
func (b *blockage) conn(ctx context.Context) (*sql.Conn, error) {
	conn, err := b.db.Conn(ctx)
	if err == nil {
		b.held = append(b.held, conn)
	}
	return conn, err
}

func (b *blockage) lockTable(ctx context.Context) error {
	conn, err := b.conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "LOCK TABLES "+workload.Table+" WRITE"); err != nil {
		return err
	}
	if !b.insert(ctx, conn) {
		return errors.New(b.attempts[0].Error)
	}
	return nil
}

func (b *blockage) openTransactions(ctx context.Context) error {
	for range openTransactions {
		conn, err := b.conn(ctx)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "SET autocommit = 0"); err != nil {
			return err
		}
		if !b.insert(ctx, conn) {
			return errors.New(b.attempts[len(b.attempts)-1].Error)
		}
	}
	return nil
}

// connect opens connections until the server takes no more.
func (b *blockage) connect(ctx context.Context) error {
	admin, err := b.w.DB(b.primary)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.ExecContext(ctx, fmt.Sprintf("SET GLOBAL max_connections = %d", manyConnections)); err != nil {
		return err
	}
	for range manyConnections {
		if _, err := b.conn(ctx); err != nil && len(b.held) > manyConnections*9/10 {
			return nil // there is no room for another.
		} else if err != nil {
			return fmt.Errorf("after %d connections: %w", len(b.held), err)
		}
	}
	return nil
}

// goOn has the applications that were in the middle of something go on with it: nothing of that may be
// acknowledged once another server is the primary.
func (b *blockage) goOn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, localPatience)
	defer cancel()
	switch b.kind {
	case LockedTable:
		b.insert(ctx, b.held[0])
	case OpenTransaction:
		for i, conn := range b.held {
			a := &b.attempts[i]
			a.StartedAt = time.Now().UTC()
			_, err := conn.ExecContext(ctx, "COMMIT")
			if a.EndedAt = time.Now().UTC(); err == nil {
				a.Outcome, a.Acknowledged = workload.Acknowledged, true
			}
		}
	case UnheardCommits, LongWrite, FullDisk, Connections:
	}
}

// insert writes a row on a connection, and tells whether the server said that it did. In a transaction that is
// left open nothing is acknowledged by that.
func (b *blockage) insert(ctx context.Context, conn *sql.Conn) bool {
	a := attemptLocally(ctx, conn, b.primary, b.run, len(b.attempts)+1)
	done := a.Acknowledged
	if b.kind == OpenTransaction {
		a.Outcome, a.Acknowledged = workload.Unknown, false
	}
	b.attempts = append(b.attempts, a)
	return done
}

// lift ends the state. It may be asked twice, and of none.
func (b *blockage) lift(ctx context.Context) error {
	if b == nil {
		return nil
	}
	if b.stop != nil {
		b.stop()
	}
	b.running.Wait()
	for _, conn := range b.held {
		_ = conn.Close()
	}
	b.held = nil
	_ = b.db.Close()
	switch b.kind {
	case UnheardCommits:
		_, err := b.w.Lab.Heal(ctx, lab.CutRequest{})
		return err
	case FullDisk:
		return b.w.Lab.Disk(ctx, lab.DiskRequest{Server: b.primary, Room: lab.Own})
	case LongWrite, LockedTable, OpenTransaction, Connections:
	}
	return nil
}
