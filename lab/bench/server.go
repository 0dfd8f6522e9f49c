package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/regentdb/regent/lab/mysqld"
)

// hugeSize is the size of the one transaction of the shape huge, in bytes.
const hugeSize = 2 << 30

// server is a real server that writes the logs.
type server struct {
	*mysqld.Server
	db  *sql.DB
	dir string
}

// makeLogs makes the files that are not there yet.
func makeLogs(ctx context.Context, o options) (err error) {
	var missing []shape
	for _, s := range shapes() {
		if _, err := os.Stat(o.file(s.name)); err != nil {
			missing = append(missing, s)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	for _, shape := range missing {
		if err := s.write(ctx, o, shape); err != nil {
			return fmt.Errorf("%s: %w", shape.name, err)
		}
	}
	return nil
}

// file is the one file of a log.
func (o options) file(shape string) string { return filepath.Join(o.path(shape), "binlog.000001") }

func start(ctx context.Context) (*server, error) {
	from := mysqld.FromEnvironment(os.Stderr)
	in, err := mysqld.Locate(ctx, from)
	if err != nil {
		return nil, err
	}
	template, err := mysqld.Prepare(ctx, in, from)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	spec := mysqld.Spec{Name: "bench", Dir: filepath.Join(dir, "bench"), Socket: filepath.Join(dir, "s"), ID: 1, Address: address}
	if err := spec.Create(template); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &server{Server: mysqld.NewServer(in, template.Accounts.Admin, spec, mysqld.Hooks{}), dir: dir}
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.Start(starting); err != nil {
		return nil, errors.Join(err, s.end())
	}
	if s.db, err = s.Open(); err != nil {
		return nil, errors.Join(err, s.end())
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

func freeAddress(ctx context.Context) (netip.AddrPort, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer func() { _ = l.Close() }()
	return netip.ParseAddrPort(l.Addr().String())
}

// prepare makes the tables. Nothing here has to survive a crash.
func (s *server) prepare(ctx context.Context) error {
	settings := []string{
		"SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 0", "SET GLOBAL max_binlog_size = 1073741824",
	}
	for _, statement := range append(settings, schema()...) {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	return nil
}

func (s *server) end() error {
	if s.db != nil {
		_ = s.db.Close()
	}
	s.Close()
	return os.RemoveAll(s.dir)
}

// write lets the server write a log of the shape and links its file.
func (s *server) write(ctx context.Context, o options, of shape) error {
	name, err := s.rotate(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(s.Spec().Dir, "data", name)
	if of.whole {
		err = s.writeWhole(ctx, of)
	} else {
		err = s.writeUntil(ctx, of, file, int64(float64(o.size)*of.share))
	}
	if err != nil {
		return err
	}
	if _, err := s.rotate(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(o.path(of.name), 0o750); err != nil {
		return err
	}
	return os.Rename(file, o.file(of.name)) // The server has closed it, and is thrown away with its list of files.
}

func (s *server) writeUntil(ctx context.Context, of shape, file string, size int64) error {
	s.db.SetMaxOpenConns(1) // A session keeps its settings.
	if of.name == small {
		s.db.SetMaxOpenConns(0)
	}
	for round := 0; ; round++ {
		info, err := os.Stat(file)
		if err != nil || info.Size() >= size {
			return err
		}
		if err := of.write(ctx, s.db, round); err != nil {
			return err
		}
	}
}

// writeWhole writes one transaction.
func (s *server) writeWhole(ctx context.Context, of shape) error {
	s.db.SetMaxOpenConns(1)
	if _, err := s.db.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	const bytesOfRound = 121 << 10 // About; the log tells only after the commit.
	for round := range hugeSize / bytesOfRound {
		if err := of.write(ctx, s.db, round); err != nil {
			return err
		}
	}
	_, err := s.db.ExecContext(ctx, "COMMIT")
	return err
}

// rotate begins a new file and returns its name.
func (s *server) rotate(ctx context.Context) (string, error) {
	if _, err := s.db.ExecContext(ctx, "FLUSH BINARY LOGS"); err != nil {
		return "", err
	}
	var name string
	var position, do, ignore, executed sql.RawBytes
	rows, err := s.db.QueryContext(ctx, "SHOW BINARY LOG STATUS")
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&name, &position, &do, &ignore, &executed); err != nil {
			return "", err
		}
	}
	return name, rows.Err()
}
