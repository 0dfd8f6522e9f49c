package trial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Witness is the general logs of servers: what the nodes did there, told by the servers themselves.
type Witness struct {
	w       *World
	servers []string
	nodes   map[string]string            // by the address of the node's host
	known   map[string]map[string]string // nodes by server and connection, of those older than the log
}

// Statement is what a server was asked to do.
type Statement struct {
	At         time.Time
	Server     string
	Node       string // who asked, empty for everyone but nodes
	Connection string
	Text       string
}

// Watch begins to log what servers are asked. The caller ends it with Close.
func (w *World) Watch(ctx context.Context, servers []string) (*Witness, error) {
	t := &Witness{w: w, servers: servers, nodes: map[string]string{}, known: map[string]map[string]string{}}
	for _, server := range servers {
		if err := t.begin(ctx, server); err != nil {
			return nil, errors.Join(err, t.Close(context.WithoutCancel(ctx)))
		}
	}
	return t, nil
}

func (t *Witness) path(server string) string {
	return filepath.Join(t.w.Lab.Dir(), "logs", server+".general")
}

func (t *Witness) begin(ctx context.Context, server string) error {
	if err := os.Remove(t.path(server)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("trial: %w", err)
	}
	db, err := t.w.DB(server)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{"SET GLOBAL log_output = 'FILE'", "SET GLOBAL general_log_file = '" + t.path(server) + "'", "SET GLOBAL general_log = ON"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("trial: general log of %s: %w", server, err)
		}
	}
	rows, err := db.QueryContext(ctx, `SELECT p.id, p.host, a.attr_value FROM performance_schema.processlist p
		JOIN performance_schema.session_connect_attrs a ON a.processlist_id = p.id AND a.attr_name = 'regent_node'`)
	if err != nil {
		return fmt.Errorf("trial: connections of %s: %w", server, err)
	}
	defer func() { _ = rows.Close() }()
	t.known[server] = map[string]string{}
	for rows.Next() {
		var id, host, node string
		if err := rows.Scan(&id, &host, &node); err != nil {
			return fmt.Errorf("trial: connections of %s: %w", server, err)
		}
		address, _, err := net.SplitHostPort(host)
		if err != nil {
			return fmt.Errorf("trial: connection %s of %s comes from %q: %w", id, server, host, err)
		}
		t.known[server][id], t.nodes[address] = node, node
	}
	return rows.Err()
}

// Close ends the logs, of servers that are up; a boot ends them too.
func (t *Witness) Close(ctx context.Context) error {
	var failed error
	for _, server := range t.servers {
		_, err := t.w.ask(ctx, server, "SELECT 1")
		if err != nil {
			continue
		}
		db, err := t.w.DB(server)
		if err == nil {
			_, err = db.ExecContext(ctx, "SET GLOBAL general_log = OFF")
			_ = db.Close()
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// Statements answers what the servers were asked since a moment.
func (t *Witness) Statements(since time.Time) ([]Statement, error) {
	var all []Statement
	for _, server := range t.servers {
		text, err := os.ReadFile(t.path(server))
		if err != nil {
			return nil, fmt.Errorf("trial: general log: %w", err)
		}
		for _, s := range parseGeneralLog(string(text), t.known[server], t.nodes) {
			if s.At.After(since) {
				s.Server = server
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// entry is a line that begins an entry of the general log (manual, "The General Query Log"): a time, a
// connection, a command, and after a tab its argument. Statements of several lines go on without them.
var (
	entry   = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\S+Z)\s+(\d+) (\w[\w ]*)\t(.*)$`)
	visitor = regexp.MustCompile(`^\S+@(\S+) `)
)

// parseGeneralLog reads a log, with the nodes of connections that are older than it.
func parseGeneralLog(text string, known, nodes map[string]string) []Statement {
	var statements []Statement
	who := map[string]string{}
	for id, node := range known {
		who[id] = node
	}
	for line := range strings.Lines(text) {
		m := entry.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			continue
		}
		switch m[3] {
		case "Connect":
			if v := visitor.FindStringSubmatch(m[4]); v != nil {
				who[m[2]] = nodes[v[1]]
			}
		case "Query":
			statements = append(statements, Statement{At: at, Node: who[m[2]], Connection: m[2], Text: m[4]})
		}
	}
	return statements
}

// Effect tells whether a statement changes a server, as the steps of recoveries do.
func (s *Statement) Effect() bool {
	for _, verb := range []string{"SET GLOBAL", "SET PERSIST", "RESET", "CHANGE ", "START ", "STOP ", "KILL", "CLONE", "INSTALL"} {
		if strings.HasPrefix(s.Text, verb) {
			return true
		}
	}
	return false
}
