package mysql

import (
	"context"
	"fmt"
	"time"
)

// Clone replaces the server's data with the donor's, by the CLONE plugin on both. It returns when
// the server shuts down to start again with the new data: the connection, and the lock, are gone
// then. The error is that of the server when nothing was copied, or when the data were copied and
// nobody starts the server again.
//
// CLONE begins by dropping the user's schemas, which super_read_only refuses. So that one variable
// is lifted for the time of the copy, with read_only and offline_mode on in its place: applications
// can neither write nor read half of the data. How the server boots after it is what is persisted.
//
// The server's own channel goes first, with its relay logs: a transaction cut off in them survives the
// copy, and the server that boots with it crashes when it is asked for the state of its receiver
// (9.7.4, Gtid::to_string below performance_schema.replication_connection_status).
func (s *Session) Clone(ctx context.Context, donor string) error {
	from, err := parseUpstream(donor)
	if err != nil {
		return err
	}
	o := s.server.options
	encryption := "" // the server prefers an encrypted connection by itself
	if o.TLS != nil {
		encryption = "REQUIRE SSL"
	}
	b := (&batch{}).require("the server is read-only", "@@GLOBAL.super_read_only AND @@GLOBAL.read_only")
	s.stopReceiver(b)
	s.removeChannel(b)
	b.effect("set offline_mode", "SET GLOBAL offline_mode = ON")
	s.lift(b)
	b.effect("name the donor", "SET GLOBAL clone_valid_donor_list = "+quote(donor))
	b.effect("clone from "+donor, fmt.Sprintf("CLONE INSTANCE FROM %s@%s:%d IDENTIFIED BY %s %s",
		quote(o.Control.User), quote(from.host), from.port, quote(o.Control.Password), encryption))
	if _, err = s.stopReplication(ctx, b); err == nil {
		err = s.awaitEnd(ctx)
		if code(err) == 0 && s.Alive() {
			s.link.close() // it is ending anyway, and must not be taken for a living one
		}
	}
	switch {
	case err == nil:
		return nil
	case code(err) == codeRestartFailed:
		return fmt.Errorf("mysql: %s: the data of %s are in place; start mysqld, which has no supervisor that would: %w", s.server.name, donor, err)
	case ClosedByPeer(err):
		return nil
	case s.Alive():
		_, err = s.refence(ctx, err)
	}
	return err
}

// awaitEnd returns when the server, which has answered and is about to restart, ends the connection.
// A sleeping statement that is interrupted by the shutdown may still end well, so there is a next.
func (s *Session) awaitEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, restartLimit,
		fmt.Errorf("the data were copied and the server did not restart within %s", restartLimit))
	defer cancel()
	for {
		_, err := s.link.run(ctx, (&batch{}).effect("wait for the restart", "DO SLEEP(1)"))
		if code(err) == codeShuttingDown {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// restartLimit is how long a server may take from the end of the copy to its own end.
const restartLimit = time.Minute
