package rewind

import (
	"context"
	"fmt"

	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/live"
	"github.com/regentdb/regent/binlog/rows"
	"github.com/regentdb/regent/gtid"
)

// state is what a server holds.
type state struct {
	uuid                string
	readOnly, receiving bool
	// flush is innodb_flush_log_at_trx_commit.
	flush              string
	executed, received gtid.Set
}

func stateOf(ctx context.Context, session *live.Session) (state, error) {
	var s state
	var readOnly, threads, executed, received string
	for _, read := range []struct {
		into  *string
		query string
	}{
		{&s.uuid, "SELECT @@GLOBAL.server_uuid"},
		{&readOnly, "SELECT @@GLOBAL.read_only"},
		{&s.flush, "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit"},
		{&threads, "SELECT (SELECT COUNT(*) FROM performance_schema.replication_connection_status WHERE SERVICE_STATE <> 'OFF') + " +
			"(SELECT COUNT(*) FROM performance_schema.replication_applier_status WHERE SERVICE_STATE <> 'OFF')"},
		{&received, "SELECT GROUP_CONCAT(RECEIVED_TRANSACTION_SET) FROM performance_schema.replication_connection_status " +
			"WHERE RECEIVED_TRANSACTION_SET <> ''"},
		{&executed, "SELECT @@GLOBAL.gtid_executed"},
	} {
		var err error
		if *read.into, err = session.Value(ctx, read.query); err != nil {
			return s, err
		}
	}
	s.readOnly, s.receiving = readOnly == "1", threads != "0"
	var err error
	if s.executed, err = gtid.Parse(executed); err == nil {
		s.received, err = gtid.Parse(received)
	}
	if err != nil {
		return s, fmt.Errorf("rewind: %s: %w", session.Server, err)
	}
	return s, nil
}

func (w *work) table(ctx context.Context, name diff.Name) (*rows.Table, error) {
	d, err := w.session.Definition(ctx, name)
	if err != nil {
		return nil, err
	}
	hazards, err := w.session.Hazards(ctx, name)
	return &rows.Table{Definition: d, Hazards: hazards}, err
}

// cascadesHidden tells whether the server leaves out of its binary log what foreign keys changed: all did before 9.6
// (MySQL 9.6 Release Notes), and later ones do with innodb_native_foreign_keys.
func (w *work) cascadesHidden(ctx context.Context) (bool, error) {
	logged, err := w.session.Value(ctx, "SELECT COUNT(*) FROM performance_schema.global_variables "+
		"WHERE VARIABLE_NAME = 'innodb_native_foreign_keys' AND VARIABLE_VALUE = 'OFF'")
	return logged == "0", err
}

// settle makes the GTID sets say what the server holds. Each step finds out whether it was done before. The relay log
// goes first: it may hold the extra transactions too. All of it works on a read-only server (seen on 9.7.4).
func (w *work) settle(ctx context.Context) error {
	s, err := stateOf(ctx, w.session)
	if err != nil {
		return err
	}
	if err := w.settled(s); err != nil {
		return err
	}
	if err := w.session.Run(ctx, "RESET REPLICA ALL"); err != nil {
		return err
	}
	if !s.executed.IsEmpty() && !s.executed.Equal(w.progress.Kept) {
		if err := w.session.Run(ctx, "RESET BINARY LOGS AND GTIDS"); err != nil {
			return err
		}
		s.executed = gtid.Set{}
	}
	if !s.executed.Equal(w.progress.Kept) {
		if err := w.session.Run(ctx, "SET GLOBAL gtid_purged = '"+w.progress.Kept.String()+"'"); err != nil {
			return err
		}
	}
	if s, err = stateOf(ctx, w.session); err == nil && !s.executed.Equal(w.progress.Kept) {
		err = fmt.Errorf("%w: it has executed %s and not %s", ErrTorn, s.executed, w.progress.Kept)
	}
	return err
}
