package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes a file below a directory, with exactly the mode given.
func write(t *testing.T, directory, name, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const nodeWithFiles = `node: {id: a, site: here, region: home, data_dir: state}
raft: {listen: "127.0.0.1:7400", peers: [{id: a, address: "127.0.0.1:7400"}], tls: {cert: c, key: k, ca: a}}
api: {listen: "127.0.0.1:7480", tokens_file: tokens.yaml}
mysql: {password_file: p, replication_password_file: r}
notify: {command: [hook, --now]}
`

func TestLoadNodeResolvesAndChecksFiles(t *testing.T) {
	d := t.TempDir()
	path := write(t, d, "node.yaml", nodeWithFiles, 0o644)
	write(t, d, "c", "", 0o644)
	write(t, d, "a", "", 0o644)
	write(t, d, "k", "", 0o600)
	write(t, d, "p", "secret\n", 0o604)
	write(t, d, "r", "secret\n", 0o640)
	write(t, d, "tokens.yaml", "", 0o600)
	write(t, d, "hook", "", 0o755)
	file, warnings, err := LoadNode(path)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{file.Node.DataDir, file.Raft.TLS.Key, file.MySQL.PasswordFile, file.API.TokensFile, file.Notify.Command[0]}
	want := []string{d + "/state", d + "/k", d + "/p", d + "/tokens.yaml", d + "/hook"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths differ (-want +got):\n%s", diff)
	}
	if self, ok := file.Self(); !ok || self.API != "127.0.0.1:7480" {
		t.Errorf("Self() = %v, %v", self, ok)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].String(), "node.yaml:4: mysql.password_file: "+d+"/p is open to every user") {
		t.Errorf("warnings = %v, want the one about the open password file", warnings)
	}
}

func TestLoadNodeNamesEveryFileAtFault(t *testing.T) {
	d := t.TempDir()
	path := write(t, d, "node.yaml", nodeWithFiles, 0o644)
	write(t, d, "hook", "", 0o644)
	if err := os.Mkdir(filepath.Join(d, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, err := LoadNode(path)
	if !errors.Is(err, ErrInvalid) {
		t.Fatalf("LoadNode() = %v, want ErrInvalid", err)
	}
	for _, want := range []string{
		"node.yaml:2: raft.tls.cert: " + d + "/c is a directory: name a file",
		"node.yaml:2: raft.tls.key: open " + d + "/k: no such file or directory: create it, or correct the path",
		"node.yaml:3: api.tokens_file: ",
		"node.yaml:4: mysql.password_file: ",
		"node.yaml:5: notify.command[0]: " + d + "/hook is not executable: chmod +x it",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestMissingFilesSayWhatToDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	loaders := map[string]func() error{
		"node":     func() error { _, _, err := LoadNode(missing); return err },
		"clusters": func() error { _, err := LoadClusters(missing); return err },
		"tokens":   func() error { _, _, err := LoadTokens(missing); return err },
		"secret":   func() error { _, err := ReadSecret(missing); return err },
	}
	for name, load := range loaders {
		t.Run(name, func(t *testing.T) {
			err := load()
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "create it, or correct the path") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestLoadersReadFromDisk(t *testing.T) {
	if _, err := LoadClusters("testdata/clusters/interface.yaml"); err != nil {
		t.Error(err)
	}
	if _, err := LoadClusters("testdata/clusters/impossible.yaml"); !errors.Is(err, ErrInvalid) {
		t.Errorf("LoadClusters() = %v, want ErrInvalid", err)
	}
	open := write(t, t.TempDir(), "tokens.yaml", "tokens: [{name: ops, token: 0123456789abcdefg, roles: [admin]}]\n", 0o644)
	tokens, warnings, err := LoadTokens(open)
	if err != nil || len(tokens) != 1 || len(warnings) != 1 {
		t.Errorf("LoadTokens() = %v, %v, %v, want one token and a warning of its mode", tokens, warnings, err)
	}
	if _, _, err := LoadTokens("testdata/tokens/bad.yaml"); !errors.Is(err, ErrInvalid) {
		t.Errorf("LoadTokens() = %v, want ErrInvalid", err)
	}
}

func TestFileTooLarge(t *testing.T) {
	path := write(t, t.TempDir(), "clusters.yaml", strings.Repeat("# filler\n", maxFileSize/9+1), 0o644)
	if _, err := LoadClusters(path); err == nil || !strings.Contains(err.Error(), "is it the right file?") {
		t.Errorf("error = %v", err)
	}
}

func TestReadSecret(t *testing.T) {
	d := t.TempDir()
	for _, c := range []struct{ content, want string }{
		{"p4ss word\n", "p4ss word"}, {"p4ss", "p4ss"}, {"p4ss\r\nnote\n", "p4ss"}, {" p4ss \n", " p4ss "},
	} {
		got, err := ReadSecret(write(t, d, "p", c.content, 0o600))
		if err != nil || got != c.want {
			t.Errorf("ReadSecret(%q) = %q, %v, want %q", c.content, got, err, c.want)
		}
	}
	if _, err := ReadSecret(write(t, d, "p", "\nlate\n", 0o600)); !errors.Is(err, ErrInvalid) {
		t.Errorf("an empty first line gave %v, want ErrInvalid", err)
	}
}

func TestTokensFind(t *testing.T) {
	tokens, doc := parseTokens("t", []byte(`tokens:
  - {name: ops, token: 3b5f0c7e9d1a4f68b2c4, roles: [viewer, operator]}
  - {name: audit, token_sha256: 88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589, roles: [viewer]}
`))
	if err := doc.err(); err != nil {
		t.Fatal(err)
	}
	for presented, want := range map[string]string{"3b5f0c7e9d1a4f68b2c4": "ops", "abcd": "audit", "": "", "3b5f0c7e9d1a4f68b2c5": ""} {
		got, ok := tokens.Find(presented)
		if got.Name != want || ok != (want != "") {
			t.Errorf("Find(%q) = %q, %v, want %q", presented, got.Name, ok, want)
		}
	}
}

func TestAliases(t *testing.T) {
	specs, err := ParseClusters("c", []byte(`clusters:
  - name: a
    home_region: east
    servers: [{name: a1, address: "h:1", region: east, site: s}]
    policy: &loose {durability: async, cooldown: 1m}
  - {name: b, home_region: east, servers: [{name: b1, address: "h:2", region: east, site: s}], policy: *loose}
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(specs.Clusters[0].Policy, specs.Clusters[1].Policy); diff != "" {
		t.Errorf("an aliased policy differs:\n%s", diff)
	}
}

func TestAliasesThatExplode(t *testing.T) {
	server := "{name: s, address: \"h:1\", region: r, site: s}"
	text := "clusters:\n  - name: a\n    servers: &many [" + strings.Repeat(server+", ", 2000) + "]\n" +
		strings.Repeat("  - {name: b, servers: *many}\n", 1000)
	_, err := parseWithoutJudging(text)
	if err == nil || !strings.Contains(err.Error(), "write the aliases out") {
		t.Errorf("error = %v", err)
	}
}

// parseWithoutJudging decodes declared clusters, so that a test can look at the decoder alone.
func parseWithoutJudging(text string) (any, error) {
	var into struct {
		Clusters []struct {
			Name    string `yaml:"name"`
			Servers []struct {
				Name    string `yaml:"name"`
				Address string `yaml:"address"`
				Region  string `yaml:"region"`
				Site    string `yaml:"site"`
			} `yaml:"servers"`
		} `yaml:"clusters"`
	}
	doc := parseDocument("c", []byte(text), &into)
	return into, doc.err()
}
