package mysql

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// Account is a user name and its password.
type Account struct{ User, Password string }

// Options are the same for every server that a node connects to.
type Options struct {
	// Node is the identity of this node, shown to the server as a connection attribute.
	Node string
	// Control probes and acts; Replication is given to replicas and never used by regent itself.
	Control, Replication Account
	// TLS encrypts regent's connections and asks replicas to encrypt theirs; nil means neither.
	TLS *tls.Config
	// DialTimeout bounds opening a connection, the login included. 0 means 1 s.
	DialTimeout time.Duration
}

func (o Options) dialTimeout() time.Duration {
	if o.DialTimeout <= 0 {
		return time.Second
	}
	return o.DialTimeout
}

// Server is one MySQL server as this node talks to it.
type Server struct {
	name, address string
	options       Options
}

// NewServer describes the server with that declared name at host:port. Nothing is opened.
func NewServer(name, address string, options Options) *Server {
	return &Server{name: name, address: address, options: options}
}

// Name is the declared name.
func (s *Server) Name() string { return s.name }

// config is the driver's configuration: several statements per round trip, no statement on its own
// account when a connection opens, nothing retried.
func (s *Server) config(attributes string) *driver.Config {
	c := driver.NewConfig()
	c.Net, c.Addr = "tcp", s.address
	c.User, c.Passwd = s.options.Control.User, s.options.Control.Password
	c.ConnectionAttributes = attributes
	c.MultiStatements = true
	c.MaxAllowedPacket = maxPacket // given, the driver does not ask the server: one round trip less
	c.Logger = &driver.NopLogger{} // errors are returned, with their cause
	if s.options.TLS != nil {
		c.TLS = s.options.TLS.Clone()
		if host, _, err := net.SplitHostPort(s.address); err == nil && c.TLS.ServerName == "" {
			c.TLS.ServerName = host
		}
	}
	return c
}

// maxPacket is the largest packet that is sent, in bytes; the server's default for
// max_allowed_packet is the same.
const maxPacket = 64 << 20

// upstream is a server that another one replicates from or clones.
type upstream struct {
	host string
	port uint16
}

func parseUpstream(address string) (upstream, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return upstream{}, fmt.Errorf("mysql: source address %q is not host:port: %w", address, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return upstream{}, fmt.Errorf("mysql: source address %q has no port number: %w", address, err)
	}
	return upstream{host, uint16(port)}, nil
}
