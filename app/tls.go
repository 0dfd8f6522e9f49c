package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/regentdb/regent/config"
)

// errNoCertificate means that a file of certificates holds none.
var errNoCertificate = errors.New("app: the file holds no certificate in PEM form")

// clientTLS is the client's side of TLS towards servers: it checks their certificates against the
// authority, and proves itself where a certificate is given. Nil means no TLS.
func clientTLS(files *config.TLS) (*tls.Config, error) {
	if files == nil {
		return nil, nil //nolint:nilnil // no TLS is a choice, not an error.
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if files.CA != "" {
		var err error
		if c.RootCAs, err = authority("mysql.tls.ca", files.CA); err != nil {
			return nil, err
		}
	}
	if files.Cert == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("app: mysql.tls.cert: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// authority reads the certificates that others are checked against.
func authority(key, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("app: %s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: %s: %s", errNoCertificate, key, file)
	}
	return pool, nil
}

// tlsTowards is the client's side of TLS for one address.
func tlsTowards(c *tls.Config, address string) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	if host, _, err := net.SplitHostPort(address); err == nil && c.ServerName == "" {
		c.ServerName = host
	}
	return c
}

// serverTLS is the API's side of TLS. The certificate is read anew for each connection, so that a
// renewed one is taken up. With an authority, callers must prove themselves to it. Nil means plain HTTP.
func serverTLS(files *config.TLS) (*tls.Config, error) {
	if files == nil {
		return nil, nil //nolint:nilnil // no TLS is a choice, not an error.
	}
	load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("app: api.tls: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(nil); err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: load}
	if files.CA != "" {
		var err error
		if c.ClientCAs, err = authority("api.tls.ca", files.CA); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}
