package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a node file may ask for. Below the lower ones a daemon would load the servers that
// it watches, above the upper ones it would no longer watch them.
const (
	minProbeInterval = 20 * time.Millisecond
	maxProbeInterval = 10 * time.Second
	minProbeTimeout  = 50 * time.Millisecond
	maxProbeTimeout  = 30 * time.Second
	maxNotifyTimeout = 5 * time.Minute
	maxNameLength    = 63
)

// checkNodeFile checks everything that the content alone can tell.
func (d *document) checkNodeFile(f *NodeFile) {
	d.checkName("node.id", f.Node.ID, "it names this node among the peers, like east-1")
	d.checkName("node.site", f.Node.Site, "name the data center that this node stands in")
	d.checkName("node.region", f.Node.Region, "name the region that the site belongs to")
	d.checkRequired("node.data_dir", f.Node.DataDir, "name the directory of the Raft state")
	d.checkRaft(f)
	d.checkAddress("api.listen", f.API.Listen, listenAddress)
	d.checkRequired("api.tokens_file", f.API.TokensFile, "every call but health checks needs a token, so name the file that lists them")
	d.checkTLSPair("api.tls", f.API.TLS)
	d.checkMySQL(f)
	d.checkRange("probe.interval", f.Probe.Interval, minProbeInterval, maxProbeInterval)
	d.checkRange("probe.timeout", f.Probe.Timeout, minProbeTimeout, maxProbeTimeout)
	d.checkRange("notify.timeout", f.Notify.Timeout, time.Millisecond, maxNotifyTimeout)
	if len(f.Notify.Command) > 0 {
		d.checkRequired("notify.command[0]", f.Notify.Command[0], "name the executable, or remove notify")
	}
	d.warnOpen(f)
}

// checkRaft checks the group as this node sees it.
func (d *document) checkRaft(f *NodeFile) {
	d.checkAddress("raft.listen", f.Raft.Listen, listenAddress)
	if f.Raft.TLS != nil {
		d.checkRequired("raft.tls.cert", f.Raft.TLS.Cert, tlsAllOrNone)
		d.checkRequired("raft.tls.key", f.Raft.TLS.Key, tlsAllOrNone)
		d.checkRequired("raft.tls.ca", f.Raft.TLS.CA, tlsAllOrNone)
	}
	if len(f.Raft.Peers) == 0 {
		d.problemAt("raft.peers", "missing: list every node of the group with its id and address, this one included")
		return
	}
	ids, addresses := map[string]string{}, map[string]string{}
	for i, peer := range f.Raft.Peers {
		at := fmt.Sprintf("raft.peers[%d]", i)
		d.checkName(at+".id", peer.ID, "each peer has the id of its own node file")
		d.checkAddress(at+".address", peer.Address, reachableAddress)
		d.checkUnique(ids, at+".id", peer.ID)
		d.checkUnique(addresses, at+".address", peer.Address)
		if peer.API != "" {
			d.checkAddress(at+".api", peer.API, reachableAddress)
		}
	}
	if _, listed := f.Self(); !listed && f.Node.ID != "" {
		d.problemAt("raft.peers", "this node, %q, is not among them: add its id and address, or correct node.id", f.Node.ID)
	}
	if n := len(f.Raft.Peers); n%2 == 0 {
		d.warnAt("raft.peers", "%d nodes survive the loss of no more nodes than %d do: use an odd number", n, n-1)
	}
}

const tlsAllOrNone = "raft.tls needs cert, key and ca, all three, since the nodes check each other"

// checkMySQL checks the accounts.
func (d *document) checkMySQL(f *NodeFile) {
	d.checkRequired("mysql.user", f.MySQL.User, "name the account that regent uses on the servers")
	d.checkRequired("mysql.password_file", f.MySQL.PasswordFile, "name the file that holds the password of mysql.user")
	d.checkRequired("mysql.replication_user", f.MySQL.ReplicationUser, "name the account that replicas use on their source")
	d.checkRequired("mysql.replication_password_file", f.MySQL.ReplicationPasswordFile, "name the file that holds the password of mysql.replication_user")
	tls := f.MySQL.TLS
	if tls == nil {
		return
	}
	d.checkRequired("mysql.tls.ca", tls.CA, "the certificates of the servers are checked against it")
	if (tls.Cert == "") != (tls.Key == "") {
		d.problemAt("mysql.tls", "cert and key belong together: give both or neither")
	}
}

// checkTLSPair wants a certificate with its key.
func (d *document) checkTLSPair(path string, tls *TLS) {
	if tls == nil {
		return
	}
	d.checkRequired(path+".cert", tls.Cert, "cert and key belong together")
	d.checkRequired(path+".key", tls.Key, "cert and key belong together")
}

// warnOpen warns of what crosses a network readable and unchecked.
func (d *document) warnOpen(f *NodeFile) {
	if f.API.TLS == nil && !isLoopback(f.API.Listen) {
		d.warnAt("api.listen", "%s is reachable from other hosts without TLS, so tokens cross the network readable: set api.tls", f.API.Listen)
	}
	if f.Raft.TLS == nil && !isLoopback(f.Raft.Listen) {
		d.warnAt("raft.listen", "%s is reachable from other hosts without TLS, so whoever reaches it can speak as a node: set raft.tls", f.Raft.Listen)
	}
}

// isLoopback reports whether host:port can only be reached from this host.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// checkRequired wants a value; why says what it is for.
func (d *document) checkRequired(path, value, why string) {
	if value == "" {
		d.problemAt(path, "missing: %s", why)
	}
}

// checkName wants a word that is safe in file names, metrics and URLs.
func (d *document) checkName(path, name, why string) {
	if name == "" {
		d.problemAt(path, "missing: %s", why)
		return
	}
	unsafe := strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r)
	})
	if unsafe || len(name) > maxNameLength {
		d.problemAt(path, "%q must be 1 to %d letters, digits, '-', '_' or '.'", name, maxNameLength)
	}
}

// checkUnique wants a value that no earlier key has; seen maps values to the keys that have them.
func (d *document) checkUnique(seen map[string]string, path, value string) {
	if value == "" {
		return
	}
	if first, repeated := seen[value]; repeated {
		d.problemAt(path, "%q is already given at %s (line %d)", value, first, d.line(first))
		return
	}
	seen[value] = path
}

// checkRange wants a duration between two bounds.
func (d *document) checkRange(path string, value, low, high time.Duration) {
	if value < low || value > high {
		d.problemAt(path, "%s is outside of %s to %s", value, low, high)
	}
}

// addressUse tells what an address is for.
type addressUse int

const (
	listenAddress    addressUse = iota // the host may be left out or a wildcard
	reachableAddress                   // others connect to it, so it has a host
)

// checkAddress wants host:port.
func (d *document) checkAddress(path, address string, use addressUse) {
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case address == "":
		d.problemAt(path, "missing: write host:port")
	case err != nil || portErr != nil || number == 0:
		d.problemAt(path, "%q is not host:port with a port from 1 to 65535", address)
	case use == reachableAddress && isWildcard(host):
		d.problemAt(path, "%q is where a node may listen, not where others reach it: write its own address", address)
	}
}

// isWildcard reports whether a host stands for every address of a machine.
func isWildcard(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "" || (err == nil && address.IsUnspecified())
}
