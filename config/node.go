package config

import (
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// NodeFile is the local configuration of one daemon, conventionally node.yaml. Paths in it that are
// relative are relative to the directory of the file; a loaded NodeFile holds them resolved.
type NodeFile struct {
	Node   Node   `yaml:"node"`
	Raft   Raft   `yaml:"raft"`
	API    API    `yaml:"api"`
	MySQL  MySQL  `yaml:"mysql"`
	Probe  Probe  `yaml:"probe"`
	Notify Notify `yaml:"notify"`
}

// Node says which node this is and where it stands.
type Node struct {
	ID      string `yaml:"id"`
	Site    string `yaml:"site"`
	Region  string `yaml:"region"`
	DataDir string `yaml:"data_dir"`
}

// Raft is how the nodes agree. Every node of a group lists the same peers.
type Raft struct {
	Listen string `yaml:"listen"`
	Peers  []Peer `yaml:"peers"`
	TLS    *TLS   `yaml:"tls"`
}

// Peer is one member of the group.
type Peer struct {
	ID string `yaml:"id"`
	// Address is where its Raft listens, as the other nodes reach it.
	Address string `yaml:"address"`
	// API is where its API listens, as the other nodes reach it. Left out, it is the host of Address
	// with the port of this node's own api.listen; a loaded file has it filled in.
	API string `yaml:"api"`
}

// TLS names PEM files. For Raft all three are required: peers prove themselves to each other.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

// API is where this node serves HTTP, and who may call it.
type API struct {
	Listen     string `yaml:"listen"`
	TLS        *TLS   `yaml:"tls"`
	TokensFile string `yaml:"tokens_file"`
}

// MySQL holds the accounts on the managed servers. The passwords are the first line of their files.
type MySQL struct {
	User                    string `yaml:"user"`
	PasswordFile            string `yaml:"password_file"`
	ReplicationUser         string `yaml:"replication_user"`
	ReplicationPasswordFile string `yaml:"replication_password_file"`
	TLS                     *TLS   `yaml:"tls"`
}

// Probe is how often each server is looked at, and how long an answer may take.
type Probe struct {
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"`
}

// Notify is an executable that is told of holds, refusals, failovers and reports: one JSON object on
// its standard input. An empty command means none.
type Notify struct {
	Command []string      `yaml:"command"`
	Timeout time.Duration `yaml:"timeout"`
}

// defaultNodeFile is what holds where the file says nothing.
func defaultNodeFile() NodeFile {
	return NodeFile{
		Node:   Node{DataDir: "/var/lib/regent"},
		Raft:   Raft{Listen: ":7400"},
		API:    API{Listen: ":7480"},
		MySQL:  MySQL{User: "regent", ReplicationUser: "repl"},
		Probe:  Probe{Interval: 500 * time.Millisecond, Timeout: time.Second},
		Notify: Notify{Timeout: 10 * time.Second},
	}
}

// LoadNode reads and checks a node file and the files that it names. Warnings name what works and is
// unwise, such as a password that everybody on the host can read. The error wraps [ErrInvalid] and
// is an [InvalidError] when the content is at fault; otherwise the file could not be read.
func LoadNode(path string) (file NodeFile, warnings []Problem, err error) {
	data, err := readBounded(path)
	if err != nil {
		return NodeFile{}, nil, fmt.Errorf("config: read the node file: %w%s (docs/install.md shows one)", err, openAdvice(err))
	}
	file, doc := parseNode(path, data)
	doc.checkFiles(&file)
	sortProblems(doc.warnings)
	if err := doc.err(); err != nil {
		return NodeFile{}, doc.warnings, err
	}
	return file, doc.warnings, nil
}

// ParseNode reads and checks the content of a node file without touching the files that it names.
// name is the path to show in errors, and what relative paths are relative to.
func ParseNode(name string, data []byte) (NodeFile, error) {
	file, doc := parseNode(name, data)
	if err := doc.err(); err != nil {
		return NodeFile{}, err
	}
	return file, nil
}

// parseNode decodes, checks and completes.
func parseNode(name string, data []byte) (NodeFile, *document) {
	file := defaultNodeFile()
	doc := parseDocument(name, data, &file)
	doc.checkNodeFile(&file)
	file.resolvePaths(filepath.Dir(name))
	file.fillPeerAPIs()
	return file, doc
}

// Self is the peer entry of this node itself.
func (f *NodeFile) Self() (Peer, bool) {
	for _, peer := range f.Raft.Peers {
		if peer.ID == f.Node.ID {
			return peer, true
		}
	}
	return Peer{}, false
}

// resolvePaths makes every relative path absolute to the directory of the file.
func (f *NodeFile) resolvePaths(directory string) {
	paths := []*string{&f.Node.DataDir, &f.API.TokensFile, &f.MySQL.PasswordFile, &f.MySQL.ReplicationPasswordFile}
	for _, tls := range []*TLS{f.Raft.TLS, f.API.TLS, f.MySQL.TLS} {
		if tls != nil {
			paths = append(paths, &tls.Cert, &tls.Key, &tls.CA)
		}
	}
	if len(f.Notify.Command) > 0 {
		paths = append(paths, &f.Notify.Command[0])
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(directory, *path)
		}
	}
}

// fillPeerAPIs completes the API addresses that the file left out.
func (f *NodeFile) fillPeerAPIs() {
	_, port, err := net.SplitHostPort(f.API.Listen)
	if err != nil {
		return // Reported by the check of api.listen.
	}
	for i := range f.Raft.Peers {
		peer := &f.Raft.Peers[i]
		host, _, err := net.SplitHostPort(peer.Address)
		if peer.API == "" && err == nil {
			peer.API = net.JoinHostPort(host, port)
		}
	}
}
