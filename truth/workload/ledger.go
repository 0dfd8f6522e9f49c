package workload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/truth/table"
)

// Entry is one transaction of the log, as the ledger knows it.
type Entry struct {
	GTID string
	Transaction
	// Images are the rows that the ledger read before and after, in the order of the changes, of the tables that
	// mysqlbinlog does not print exactly.
	Images []Image
}

// Image is one row change that the ledger saw.
type Image struct {
	Table         string
	Before, After table.Row
}

// Side is a server that a plan is written to, through one connection.
type Side struct {
	Conn *sql.Conn
	UUID string
	// Next is the number of the next GTID of the server.
	Next   int
	tagged int
	// affected is how many rows the statements of the current transaction changed.
	affected int64
}

// settings are those under which every transaction of a mode is written.
func (m Mode) settings() string {
	const plain = "SET SESSION binlog_format = ROW, binlog_row_image = FULL, binlog_row_value_options = '', " +
		"binlog_transaction_compression = OFF, sql_log_bin = 1"
	switch m {
	case Plain, Tagged, Distributed, Definition:
		return plain
	case Compressed:
		return plain + ", binlog_transaction_compression = ON"
	case Minimal:
		return plain + ", binlog_row_image = MINIMAL"
	case NoBlob:
		return plain + ", binlog_row_image = NOBLOB"
	case PartialJSON:
		return plain + ", binlog_row_value_options = PARTIAL_JSON"
	case Statements:
		return plain + ", binlog_format = STATEMENT"
	case Unlogged:
		return plain + ", sql_log_bin = 0"
	}
	return plain
}

// sessionSettings let every value in and make times comparable.
const sessionSettings = "SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', innodb_lock_wait_timeout = 2"

// Run writes the transactions in order and returns the ledger of those that were committed to the log. A transaction
// that the server refuses for a constraint is left out; every other error is returned.
func (s *Side) Run(ctx context.Context, transactions []Transaction) ([]Entry, error) {
	if err := s.exec(ctx, sessionSettings); err != nil {
		return nil, err
	}
	tables, err := table.Read(ctx, s.Conn, Schema)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	mode := Mode(-1)
	for i, tx := range transactions {
		if tx.Mode != mode {
			if err := s.exec(ctx, tx.Mode.settings()); err != nil {
				return nil, err
			}
			mode = tx.Mode
		}
		done, err := s.write(ctx, tables, tx)
		if err != nil {
			return nil, fmt.Errorf("workload: transaction %d: %w", i, err)
		}
		entries = append(entries, done...)
	}
	return entries, s.exec(ctx, Plain.settings())
}

func (s *Side) exec(ctx context.Context, statement string) error {
	result, err := s.Conn.ExecContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	affected, err := result.RowsAffected()
	s.affected += affected
	return err
}

// write writes one transaction and returns its entries: none where it was refused, two for a distributed one.
func (s *Side) write(ctx context.Context, tables map[string]*table.Table, tx Transaction) ([]Entry, error) {
	gtid := fmt.Sprintf("%s:%d", s.UUID, s.Next)
	if tx.Mode == Tagged {
		gtid = fmt.Sprintf("%s:blue:%d", s.UUID, s.tagged+1)
	}
	entry := Entry{GTID: gtid, Transaction: tx}
	refused, err := s.commit(ctx, tables, &entry)
	if err != nil || refused || tx.Mode == Unlogged {
		return nil, err
	}
	if tx.Mode == Tagged {
		s.tagged++
	} else {
		s.Next++
	}
	if tx.Mode != Distributed {
		return []Entry{entry}, nil
	}
	second := Entry{GTID: fmt.Sprintf("%s:%d", s.UUID, s.Next), Transaction: Transaction{Mode: Distributed}}
	s.Next++
	err = s.execAll(ctx, "SET SESSION gtid_next = '"+second.GTID+"'", "XA COMMIT 'x'", "SET SESSION gtid_next = 'AUTOMATIC'")
	return []Entry{entry, second}, err
}

func (s *Side) execAll(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if err := s.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// brackets are the statements around a transaction, and those that take it back.
func (m Mode) brackets() (begin, commit, rollback []string) {
	switch m {
	case Distributed:
		return []string{"XA START 'x'"}, []string{"XA END 'x'", "XA PREPARE 'x'"}, []string{"XA END 'x'", "XA ROLLBACK 'x'"}
	case Definition:
		return nil, nil, nil
	case Plain, Compressed, Tagged, Minimal, NoBlob, PartialJSON, Statements, Unlogged:
	}
	return []string{"BEGIN"}, []string{"COMMIT"}, []string{"ROLLBACK"}
}

func (s *Side) commit(ctx context.Context, tables map[string]*table.Table, entry *Entry) (refused bool, err error) {
	begin, commit, rollback := entry.Mode.brackets()
	if entry.Mode != Unlogged {
		begin = append([]string{"SET SESSION gtid_next = '" + entry.GTID + "'"}, begin...)
	}
	if err := s.execAll(ctx, begin...); err != nil {
		return false, err
	}
	s.affected = 0
	for _, op := range entry.Ops {
		err := s.op(ctx, tables, op, entry)
		if err == nil {
			continue
		}
		if !isRefusal(err) {
			return false, err
		}
		refused, commit = true, rollback
		break
	}
	if s.affected == 0 && slices.Contains([]Mode{Plain, Compressed, Distributed}, entry.Mode) {
		// Empty transactions are for the other modes; a distributed one has nothing to prepare.
		refused, commit = true, rollback
	}
	return refused, s.execAll(ctx, append(commit, "SET SESSION gtid_next = 'AUTOMATIC'")...)
}

// isRefusal says whether the server refused a statement for what it would store.
func isRefusal(err error) bool {
	var refusal *mysql.MySQLError
	return errors.As(err, &refusal) && slices.Contains([]uint16{
		1062,       // duplicate key
		1451, 1452, // parent and child rows
		1761, 1762, // duplicate key in a cascade
		3008, // depth of cascades
		1146, // a table that was dropped
	}, refusal.Number)
}

// op runs a statement, and reads the row around it where the ledger has to.
func (s *Side) op(ctx context.Context, tables map[string]*table.Table, op Op, entry *Entry) error {
	before, err := s.row(ctx, tables, op)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, op.SQL); err != nil || op.Watch == "" {
		return err
	}
	after, err := s.row(ctx, tables, op)
	if err != nil {
		return err
	}
	if !table.Same(before, after) {
		entry.Images = append(entry.Images, Image{op.Watch, before, after})
	}
	return nil
}

func (s *Side) row(ctx context.Context, tables map[string]*table.Table, op Op) (table.Row, error) {
	if op.Watch == "" {
		return nil, nil
	}
	rows, err := tables[op.Watch].Rows(ctx, s.Conn, Schema, op.Where)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// Content reads all rows of all tables.
func (s *Side) Content(ctx context.Context, tables map[string]*table.Table) (map[string][]table.Row, error) {
	out := map[string][]table.Row{}
	for name, t := range tables {
		rows, err := t.Rows(ctx, s.Conn, Schema, "")
		if err != nil {
			return nil, err
		}
		out[name] = rows
	}
	return out, nil
}
