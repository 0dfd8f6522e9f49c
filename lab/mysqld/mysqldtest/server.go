// Package mysqldtest starts real MySQL servers for the tests of other packages: on loopback, each with a directory
// of its own, ended with the test that started it.
package mysqldtest

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/lab/mysqld"
)

// startLimit is how long a server may take to start on a machine that is busy.
const startLimit = time.Minute

// Server is a real server of a test.
type Server struct {
	*mysqld.Server
	Accounts mysqld.Accounts
	Client   []string // the command that runs mysql as the administrator
	keyring  keyring  // empty until it encrypts its logs.
}

// New makes a server on a copy of the template, with ID as its server_id, and does not start it yet.
func New(t testing.TB, name string, id int, readOnly bool) *Server {
	t.Helper()
	options := mysqld.FromEnvironment(os.Stderr)
	in, err := mysqld.Locate(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	template, err := mysqld.Prepare(t.Context(), in, options)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	spec := mysqld.Spec{
		Name: name, Dir: filepath.Join(dir, name), Socket: filepath.Join(dir, "s"), ID: uint32(id),
		Address: newAddress(t), ReadOnly: readOnly,
	}
	if err := spec.Create(template); err != nil {
		t.Fatal(err)
	}
	admin := template.Accounts.Admin
	s := &Server{
		Accounts: template.Accounts,
		Client:   in.ClientCommand("--no-defaults", "--socket="+spec.Socket, "--user="+admin.User, "--password="+admin.Password),
	}
	s.Server = mysqld.NewServer(in, admin, spec, mysqld.Hooks{Launch: s.launch})
	t.Cleanup(s.Close)
	return s
}

// Start makes a server and starts it.
func Start(t testing.TB, name string, id int, readOnly bool) *Server {
	t.Helper()
	s := New(t, name, id, readOnly)
	s.Run(t)
	return s
}

// StartAll starts db1, which is writable, db2 and so on, which are not.
func StartAll(t testing.TB, count int) []*Server {
	t.Helper()
	var all []*Server
	for i := range count {
		all = append(all, Start(t, fmt.Sprintf("db%d", i+1), i+1, i > 0))
	}
	return all
}

// Run starts the server, after it was made, killed or shut down.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// Address is where clients and replicas reach the server.
func (s *Server) Address() string { return s.Spec().Address.String() }

// Admin is a pool of the administrator's connections.
func (s *Server) Admin(t testing.TB) *sql.DB {
	t.Helper()
	db, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Application is a pool of ordinary client connections.
func (s *Server) Application(t testing.TB) *sql.DB {
	t.Helper()
	c := driver.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd = "tcp", s.Address(), s.Accounts.Application.User, s.Accounts.Application.Password
	c.Logger = &driver.NopLogger{}
	connector, err := driver.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newAddress is an address on loopback that no other server has. A free port of 127.0.0.1 would be anybody's until
// the server listens on it.
func newAddress(t testing.TB) netip.AddrPort {
	t.Helper()
	var config net.ListenConfig
	for {
		random := rand.Uint32()
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(64 + random>>16%64), byte(random >> 8), byte(1 + random%254)}), 3306)
		if l, err := config.Listen(t.Context(), "tcp", address.String()); err == nil {
			_ = l.Close()
			return address
		}
	}
}
