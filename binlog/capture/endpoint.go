package capture

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/regentdb/regent/gtid"
)

const (
	connectTimeout = 10 * time.Second
	// idleTimeout ends a dump that is silent; the server sends heartbeats six times as often.
	idleTimeout     = 30 * time.Second
	heartbeatPeriod = 5 * time.Second
)

// Endpoint is how to reach a server, or its binary log files. An account needs REPLICATION SLAVE.
type Endpoint struct {
	// Server is the name that manifests and errors use.
	Server string
	// Files is a directory of binary log files, or the index file of one; with it nothing else is needed, and no
	// server is asked.
	Files string
	// UUID is the server_uuid that the server must have; empty where any will do.
	UUID string
	// Address is host:port, or the path of a unix socket.
	Address        string
	User, Password string
	// TLS is nil for a connection without it.
	TLS *tls.Config
}

// session is a connection for a dump.
type session struct {
	*client.Conn
	server   string
	endpoint Endpoint
	// close ends the watch over the context, and closes the connection.
	close func()
}

// connect opens a session that is cut when the context ends.
func (p Endpoint) connect(ctx context.Context) (*session, error) {
	var raw net.Conn
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := net.Dialer{Timeout: connectTimeout}
		opened, err := dialer.DialContext(ctx, network, address)
		raw = opened
		return opened, err
	}
	options := func(c *client.Conn) error {
		c.ReadTimeout, c.WriteTimeout = idleTimeout, idleTimeout
		c.SetTLSConfig(p.TLS)
		c.SetAttributes(map[string]string{"program_name": "regent capture"})
		return nil
	}
	conn, err := client.ConnectWithDialer(ctx, "", p.Address, p.User, p.Password, "", dial, options)
	if err != nil {
		return nil, fmt.Errorf("capture: connect to %s at %s as %s: %w", p.Server, p.Address, p.User, err)
	}
	stop := context.AfterFunc(ctx, func() { closeQuietly(raw) })
	return &session{Conn: conn, server: p.Server, endpoint: p, close: func() {
		stop()
		closeQuietly(raw)
	}}, nil
}

// closeQuietly closes a connection whose last words do not matter.
func closeQuietly(c net.Conn) {
	if err := c.Close(); err != nil {
		return
	}
}

// value reads one value.
func (s *session) value(query string) (string, error) {
	result, err := s.Execute(query)
	if err != nil {
		return "", fmt.Errorf("capture: %s: %s: %w", s.server, query, err)
	}
	defer result.Close()
	text, err := result.GetString(0, 0)
	if err != nil {
		return "", fmt.Errorf("capture: %s: %s: %w", s.server, query, err)
	}
	return strings.Clone(text), nil // the library hands out its buffer, which it uses again
}

// set reads a variable that holds a GTID set.
func (s *session) set(variable string) (gtid.Set, error) {
	text, err := s.value("SELECT @@GLOBAL." + variable)
	if err != nil {
		return gtid.Set{}, err
	}
	set, err := gtid.Parse(text)
	if err != nil {
		return gtid.Set{}, fmt.Errorf("capture: %s: %s: %w", s.server, variable, err)
	}
	return set, nil
}

// announce prepares the session for a dump. Checksums are asked for as they are in the log. The identity is a new
// one each time: a server ends the dump of a known replica when the same identity asks again. The variable by which
// a replica asks for semi-synchronous replication stays unset, so that nothing here ever counts as acknowledged.
func (s *session) announce() error {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("capture: %s: %w", s.server, err)
	}
	uuid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	statement := fmt.Sprintf("SET @source_binlog_checksum = @@GLOBAL.binlog_checksum, @replica_uuid = '%s', "+
		"@source_heartbeat_period = %d", uuid, heartbeatPeriod.Nanoseconds())
	if _, err := s.Execute(statement); err != nil {
		return fmt.Errorf("capture: %s: %w", s.server, err)
	}
	return nil
}

// encoded is the set in the form of the dump command.
func encoded(set gtid.Set) ([]byte, error) {
	library, err := mysql.ParseMysqlGTIDSet(set.String())
	if err != nil {
		return nil, fmt.Errorf("capture: set %s: %w", set, err)
	}
	return library.Encode(), nil
}
