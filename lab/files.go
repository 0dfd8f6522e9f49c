package lab

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/regentdb/regent/lab/mysqld"
)

// fields is a YAML mapping.
type fields = map[string]any

// furnish writes what the nodes read: certificates, passwords, the token, a
// configuration each, and the declared cluster. It answers the token.
func (l layout) furnish(t Topology, accounts mysqld.Accounts) (token string, err error) {
	token = rand.Text()
	files := map[string][]byte{
		l.secret("regent"): []byte(accounts.Controller.Password + "\n"),
		l.secret("repl"):   []byte(accounts.Replication.Password + "\n"),
	}
	if files[l.secret("tokens.yaml")], err = marshal(fields{"tokens": []fields{{
		"name": "lab", "token": token, "roles": []string{"viewer", "operator", "admin", "revealer"},
	}}}); err != nil {
		return "", err
	}
	if files[l.clusters()], err = marshal(clusterFields(t)); err != nil {
		return "", err
	}
	now := time.Now()
	ca, err := newAuthority(now)
	if err != nil {
		return "", err
	}
	files[l.tls("ca.pem")] = ca.pem
	for i, n := range t.Nodes {
		certificate, key, err := ca.issue(n.ID, n.address, int64(i)+2, now)
		if err != nil {
			return "", err
		}
		files[l.tls(n.ID+".pem")], files[l.tls(n.ID+".key")] = certificate, key
		if files[l.node(n.ID)], err = marshal(l.nodeFields(t, n)); err != nil {
			return "", err
		}
	}
	for path, content := range files {
		if err := l.write(path, content, 0o600); err != nil {
			return "", err
		}
	}
	return token, nil
}

func marshal(content fields) ([]byte, error) {
	text, err := yaml.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("lab: write configuration: %w", err)
	}
	return text, nil
}

// nodeFields is a node's node.yaml. Raft uses TLS; the API does not, so that
// any browser opens it through the forward. Whatever a node tells its notify
// command is kept beside the logs.
func (l layout) nodeFields(t Topology, n NodeSpec) fields {
	var peers []fields
	for _, peer := range t.Nodes {
		peers = append(peers, fields{"id": peer.ID, "address": peer.raft()})
	}
	return fields{
		"node": fields{"id": n.ID, "site": n.Site, "region": n.Region, "data_dir": l.path("nodes", n.ID, "data")},
		"raft": fields{
			"listen": n.raft(), "peers": peers,
			"tls": fields{"cert": l.tls(n.ID + ".pem"), "key": l.tls(n.ID + ".key"), "ca": l.tls("ca.pem")},
		},
		"api":    fields{"listen": n.api(), "tokens_file": l.secret("tokens.yaml")},
		"notify": fields{"command": []string{"/bin/sh", "-c", `cat >>"$0"`, l.notified()}},
		"mysql": fields{
			"user": "regent", "password_file": l.secret("regent"),
			"replication_user": "repl", "replication_password_file": l.secret("repl"),
		},
	}
}

// clusterFields is clusters.yaml.
func clusterFields(t Topology) fields {
	var servers []fields
	for _, s := range t.Servers {
		servers = append(servers, fields{
			"name": s.Name, "address": s.addrPort().String(),
			"region": s.Region, "site": s.Site, "promotion": s.Promotion,
		})
	}
	return fields{"clusters": []fields{{
		"name": t.Cluster, "home_region": t.HomeRegion,
		"owner":   fields{"team": "lab", "contact": "lab@example.com"},
		"servers": servers, "mode": t.Mode, "policy": t.Policy,
	}}}
}

// clientScript is a shell script that runs the mysql client, wherever it lies.
func clientScript(in *mysqld.Installation) []byte {
	var script strings.Builder
	script.WriteString("#!/bin/sh\nexec")
	for _, word := range in.ClientCommand() {
		script.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
	}
	script.WriteString(` "$@"` + "\n")
	return []byte(script.String())
}
