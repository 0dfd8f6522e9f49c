package trial

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// localPeriod is how often an application beside a server writes to it, and localPatience how long it
// waits for an answer.
const (
	localPeriod   = 200 * time.Millisecond
	localPatience = time.Second
)

// local is an application on the host of a server. It writes there whatever becomes of the network, and
// nowhere else: what a primary that is cut off confirms, it confirms to this one.
type local struct {
	stop     context.CancelFunc
	done     chan struct{}
	attempts []workload.Attempt
}

// writeLocally starts such an application.
func (w *World) writeLocally(ctx context.Context, server string) (*local, error) {
	db, err := w.open(server, w.status.MySQL.AppUser, w.status.MySQL.AppPassword)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &local{stop: stop, done: make(chan struct{})}
	run := runName("local")
	go func() {
		defer close(l.done)
		defer func() { _ = db.Close() }()
		ticker := time.NewTicker(localPeriod)
		defer ticker.Stop()
		for i := 1; ; i++ {
			select {
			case <-running.Done():
				return
			case <-ticker.C:
				l.attempts = append(l.attempts, attemptLocally(running, db, server, run, i))
			}
		}
	}()
	return l, nil
}

// runName names a run of attempts apart from every other.
func runName(what string) string { return what + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36) }

// executor is a pool of connections, or one of them.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// attemptLocally inserts one row. Every failure leaves the outcome open: what the server had answered
// instead of committing is not told apart here.
func attemptLocally(ctx context.Context, db executor, server, run string, serial int) workload.Attempt {
	a := workload.Attempt{
		ID: fmt.Sprintf("%s-%d", run, serial), Run: run, Region: "local", Server: server, Table: workload.Table,
		Op: string(workload.Insert), Outcome: workload.Unknown, StartedAt: time.Now().UTC(),
	}
	key := a.ID + "-0"
	a.Keys = []string{key}
	a.Statements = []workload.Statement{{Op: workload.Insert, Key: key, Amount: int64(serial), Note: "beside " + server, Rows: -1}}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), localPatience)
	defer cancel()
	_, err := db.ExecContext(limited, "INSERT INTO "+workload.Table+" (id, attempt, amount, note) VALUES (?, ?, ?, ?)", key, a.ID, serial, "beside "+server)
	if err == nil {
		a.Outcome, a.Acknowledged, a.Statements[0].Rows = workload.Acknowledged, true, 1
	} else {
		a.Error = err.Error()
	}
	a.EndedAt = time.Now().UTC()
	return a
}

// end stops the application and answers what it asked for; none asked for nothing.
func (l *local) end() []workload.Attempt {
	if l == nil {
		return nil
	}
	l.stop()
	<-l.done
	return l.attempts
}

// open opens a server through its socket for an account. The caller closes it.
func (w *World) open(server, user, password string) (*sql.DB, error) {
	for _, s := range w.status.Servers {
		if s.Name != server {
			continue
		}
		cfg := mysql.NewConfig()
		cfg.User, cfg.Passwd = user, password
		cfg.Net, cfg.Addr = "unix", s.Socket
		cfg.Timeout, cfg.ReadTimeout, cfg.ParseTime = 2*time.Second, 30*time.Second, true
		cfg.Logger = &mysql.NopLogger{}
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, fmt.Errorf("trial: %s: %w", server, err)
		}
		return sql.OpenDB(connector), nil
	}
	return nil, fmt.Errorf("trial: server %s: %w", server, lab.ErrUnknown)
}
