package raftnode

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// errForeignCertificate means that the authority signed the certificate, but not for a member of the group.
var errForeignCertificate = errors.New("the certificate is for no member of the group")

// credentials is what a node needs to prove who it is and to check the others. Nil means plain TCP.
type credentials struct {
	certificate tls.Certificate
	authorities *x509.CertPool
	peers       []Peer
}

// loadCredentials reads the files once; a new certificate needs a restart of the node.
func loadCredentials(files *TLSFiles, peers []Peer) (*credentials, error) {
	if files == nil {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: raft.tls: load %s and %s: %w", ErrConfig, files.Cert, files.Key, err)
	}
	pem, err := os.ReadFile(files.CA)
	if err != nil {
		return nil, fmt.Errorf("%w: raft.tls.ca: %w", ErrConfig, err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: raft.tls.ca: %s holds no PEM certificate", ErrConfig, files.CA)
	}
	return &credentials{certificate: certificate, authorities: authorities, peers: peers}, nil
}

// server is the configuration of the accepting side: the other side must be some member.
func (c *credentials) server() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{c.certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    c.authorities,
		VerifyConnection: func(state tls.ConnectionState) error {
			for _, peer := range c.peers {
				if certifies(state.PeerCertificates[0], peer) {
					return nil
				}
			}
			return fmt.Errorf("%w: it names %v", errForeignCertificate, state.PeerCertificates[0].DNSNames)
		},
	}
}

// client is the configuration of the dialing side: the other side must be that member. A certificate may name the member's id or
// the host of its address, which the built-in check cannot express: it is replaced by the same chain check and either name.
func (c *credentials) client(peer Peer) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{c.certificate},
		ServerName:         peer.ID,
		InsecureSkipVerify: true, // VerifyConnection below checks chain and name.
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf := state.PeerCertificates[0]
			if err := c.verifyChain(state.PeerCertificates); err != nil {
				return err
			}
			if !certifies(leaf, peer) {
				return fmt.Errorf("%w: expected %s or its address %s, and it names %v %v",
					errForeignCertificate, peer.ID, peer.Address, leaf.DNSNames, leaf.IPAddresses)
			}
			return nil
		},
	}
}

// verifyChain checks that the authority signed the certificate for use by a server.
func (c *credentials) verifyChain(chain []*x509.Certificate) error {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: c.authorities, Intermediates: intermediates})
	return err
}

// certifies reports whether a certificate names a member, by its id or by the host of its address.
func certifies(leaf *x509.Certificate, peer Peer) bool {
	if leaf.VerifyHostname(peer.ID) == nil {
		return true
	}
	host, _, err := net.SplitHostPort(peer.Address)
	return err == nil && leaf.VerifyHostname(host) == nil
}
