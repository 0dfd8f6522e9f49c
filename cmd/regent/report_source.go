package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/gtid"
)

// passwordVariable holds the password of the MySQL accounts that the command line names.
const passwordVariable = "REGENT_MYSQL_PASSWORD"

// sourceHelp says what a SOURCE is.
const sourceHelp = `A SOURCE is a directory of binary log files (of a server that is down, or copied off it), the index file of
one, or a running server as user@host:port or user@/path/of/mysqld.sock. Its password comes from a file
or from REGENT_MYSQL_PASSWORD, never from the command line. The account needs REPLICATION SLAVE and, on a
new side, SELECT on the tables concerned and TRIGGER, without which triggers cannot be seen.
Nothing is written to a SOURCE.`

// logins is how the running servers of a command line are logged in to.
type logins struct {
	passwordFile, ca string
}

func (l *logins) flags(flags *pflag.FlagSet) {
	flags.StringVar(&l.passwordFile, "password-file", "", "file whose first line is the password of the MySQL accounts (default: $"+passwordVariable+")")
	flags.StringVar(&l.ca, "mysql-ca", "", "PEM file of the authority that signed the servers' certificates; turns TLS on")
}

// source is one side of a command line.
type source struct {
	// flag is the flag that named it, for errors.
	flag string
	text string
	// passwordFile is its own, empty where the common one is meant.
	passwordFile string
	// uuid is the server_uuid that it must have, executed what it had besides what its files tell; empty for neither.
	uuid, executed string
}

// executedFlag is the flag that adds to what its files tell.
func (s source) executedFlag() string {
	if s.flag == "--from" {
		return "--executed"
	}
	return s.flag + "-executed"
}

// side is a source with what it says of itself.
type side struct {
	binlog.Endpoint
	binlog.Standing
}

// stand reaches a source.
func (c *console) stand(ctx context.Context, s source, l logins) (side, error) {
	endpoint, err := c.endpoint(s, l)
	if err != nil {
		return side{}, err
	}
	more, err := setOf(s.executedFlag(), s.executed)
	if err != nil {
		return side{}, err
	}
	if endpoint.Files == "" && !more.IsEmpty() {
		return side{}, usage("%s is for files: %s runs and tells what it executed itself", s.executedFlag(), endpoint.Server)
	}
	standing, err := binlog.Stand(ctx, endpoint)
	if err != nil {
		return side{}, err
	}
	standing.Executed = standing.Executed.Union(more)
	return side{endpoint, standing}, nil
}

// related refuses two sides that cannot be compared: that are one, that never were one cluster, or whose files do not
// tell what they had.
func related(old, fresh side, o, f source) error {
	if err := binlog.Related(old.Standing, fresh.Standing); err != nil {
		return err
	}
	if samePlace(old.Files, fresh.Files) {
		return fmt.Errorf("%s %s and %s %s: %w", o.flag, o.text, f.flag, f.text, binlog.ErrSame)
	}
	if err := told(old, fresh, o); err != nil {
		return err
	}
	// What the old side purged says nothing about the new one: that may just lack it.
	return told(fresh, side{Standing: binlog.Standing{Executed: old.Executed}}, f)
}

// samePlace says whether two paths are one; without a path, no.
func samePlace(a, b string) bool {
	one, err := os.Stat(a)
	two, errTwo := os.Stat(b)
	return err == nil && errTwo == nil && os.SameFile(one, two)
}

// told wants the files of a side to name all that it had, as far as the other side shows that.
func told(s, other side, from source) error {
	if s.Files == "" {
		return nil
	}
	given := binlog.Unlogged(s.Executed, other.Standing)
	if given.IsEmpty() {
		return nil
	}
	otherwise := ""
	if purged := given.Intersect(other.Purged); !purged.IsEmpty() {
		otherwise = fmt.Sprintf("; if it did not, the other side has purged the log of %s, which it did alone: restore its binary logs from a backup", purged)
	}
	return fmt.Errorf("the files of %s do not tell whether it had %s, which the other side has: a server does not log what it got "+
		"by a clone or a load; if it had that (its gtid_executed or gtid_purged said so), add %s %s%s", s.Server, given, from.executedFlag(), given, otherwise)
}

// endpoint reads a source: whatever exists is files, the rest must be an account at an address.
func (c *console) endpoint(s source, l logins) (binlog.Endpoint, error) {
	if s.text == "" {
		return binlog.Endpoint{}, usage("name a directory of binary log files or user@host:port with %s", s.flag)
	}
	if _, err := os.Stat(s.text); err == nil {
		return binlog.Endpoint{Server: placeName(s.text), Files: s.text, UUID: s.uuid}, nil
	}
	at := strings.LastIndex(s.text, "@")
	if at <= 0 || at == len(s.text)-1 {
		return binlog.Endpoint{}, usage("%s %s is neither a directory that exists nor user@host:port", s.flag, s.text)
	}
	out := binlog.Endpoint{User: s.text[:at], Address: s.text[at+1:], UUID: s.uuid}
	if strings.Contains(out.User, ":") {
		return binlog.Endpoint{}, usage("%s holds a password, which everybody on this machine can see; put it into a file "+
			"that --password-file names, or into $%s", s.flag, passwordVariable)
	}
	if strings.HasPrefix(out.Address, "/") {
		out.Server = placeName(out.Address)
	} else {
		if _, _, err := net.SplitHostPort(out.Address); err != nil {
			out.Address = net.JoinHostPort(strings.Trim(out.Address, "[]"), "3306")
		}
		out.Server = out.Address
	}
	var err error
	if out.Password, err = c.mysqlPassword(s, l); err != nil {
		return binlog.Endpoint{}, err
	}
	out.TLS, err = l.tls(out.Address)
	return out, err
}

// placeName is a path as the name of a server, which must be no path.
func placeName(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return strings.ReplaceAll(strings.Trim(filepath.ToSlash(path), "/"), "/", "-")
}

// mysqlPassword is the first line of the file of the source, of the common file, or the environment's.
func (c *console) mysqlPassword(s source, l logins) (string, error) {
	path := s.passwordFile
	if path == "" {
		path = l.passwordFile
	}
	if path == "" {
		return c.env(passwordVariable), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the password for %s: %w", s.flag, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// tls is nil without an authority.
func (l logins) tls(address string) (*tls.Config, error) {
	if l.ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(l.ca)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w; correct --mysql-ca", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("%s holds no PEM certificate; --mysql-ca takes that of the authority that signed the servers' certificates", l.ca)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "localhost" // A socket.
	}
	return &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}, nil
}

// setOf reads a GTID set of a flag.
func setOf(flag, text string) (gtid.Set, error) {
	set, err := gtid.Parse(text)
	if err != nil {
		return set, usage("%s: %s", flag, err)
	}
	return set, nil
}

// progressEvery is how often long work says how far it is.
const progressEvery = 2 * time.Second

// progress returns a function that says on standard error, now and then, how much has been captured.
func (c *console) progress() func(server string, transactions uint64, bytes int64) {
	last := time.Now()
	return func(server string, transactions uint64, bytes int64) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		writeLine(c.errs, fmt.Sprintf("regent: %d transactions, %d MB captured from %s", transactions, bytes>>20, server))
	}
}

// comparing returns a function that says likewise how far a comparison is.
func (c *console) comparing() func(binlog.Progress) {
	last := time.Now()
	return func(p binlog.Progress) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		writeLine(c.errs, "regent: "+p.String())
	}
}
