//go:build integration

package integration

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/lab"
)

// TestBadInput gives regent what people get wrong: each answer names the thing and the next step.
func TestBadInput(t *testing.T) {
	ctx := healthy(t)
	home := world.Lab.Dir()
	node, clusters := filepath.Join(home, "nodes", "east-1", "node.yaml"), filepath.Join(home, "clusters.yaml")
	secret := write(t, "secret", "not the password\n")
	for _, c := range []struct {
		name     string
		file     string // what is spoilt
		old, new string
		wants    []string
	}{
		{"unknown key for a node", node, "raft:", "probes: {}\nraft:", []string{"probes", "unknown key", ".yaml:"}},
		{"unknown key for a cluster", clusters, "  mode: automatic", "  mode: automatic\n      modus: automatic", []string{"modus", "unknown key", ".yaml:"}},
		{"unknown home region", clusters, "home_region: east", "home_region: mars", []string{`"mars"`, "east, west", "correct the name"}},
		{"wrong password", node, filepath.Join(home, "secrets", "regent"), secret, []string{"east-db1", "Access denied", "password"}},
		{"unreachable server", clusters, "10.1.0.13:3306", "10.1.0.99:3306", []string{"east-db3", "10.1.0.99:3306", "check the address"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), c.old) {
				t.Fatalf("%s has no %q to spoil", c.file, c.old)
			}
			spoilt := write(t, "spoilt.yaml", strings.Replace(string(text), c.old, c.new, 1))
			files := map[string]string{node: node, clusters: clusters, c.file: spoilt}
			code, out := check(ctx, t, files[node], files[clusters])
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			for _, want := range c.wants {
				if !strings.Contains(out, want) {
					t.Errorf("the answer lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

// check runs `regent check` inside the home region and answers all that it said.
func check(ctx context.Context, t *testing.T, node, clusters string) (int, string) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		text, err := io.ReadAll(out)
		if err != nil {
			text = []byte(err.Error())
		}
		said <- string(text)
	}()
	code, err := world.Lab.Exec(ctx, lab.Command{
		Region: "east", Argv: []string{exe, "check", "--config", node, "-f", clusters, "-o", "table"},
		Stdin: os.Stdin, Stdout: in, Stderr: in,
	})
	_ = in.Close()
	if err != nil {
		t.Fatal(err)
	}
	return code, <-said
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
