package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestNodeFiles reads every file of testdata/node and compares what comes out, or what is said, with
// the golden file beside it.
func TestNodeFiles(t *testing.T) {
	golden(t, "testdata/node", func(name string, data []byte) (any, *document) {
		file, doc := parseNode(name, data)
		return file, doc
	})
}

// TestClusterFiles does the same for testdata/clusters.
func TestClusterFiles(t *testing.T) {
	golden(t, "testdata/clusters", func(name string, data []byte) (any, *document) {
		specs, doc := parseClusters(name, data)
		return specs, doc
	})
}

// TestTokenFiles does the same for testdata/tokens.
func TestTokenFiles(t *testing.T) {
	golden(t, "testdata/tokens", func(name string, data []byte) (any, *document) {
		tokens, doc := parseTokens(name, data)
		printed := make([]string, 0, len(tokens))
		for _, token := range tokens {
			printed = append(printed, fmt.Sprintf("%s %s %x", token.Name, token.Roles, token.SHA256))
		}
		return printed, doc
	})
}

// golden compares the outcome of each file in a directory with its golden file.
func golden(t *testing.T, directory string, parse func(name string, data []byte) (any, *document)) {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no input in %s: %v", directory, err)
	}
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			data, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			value, doc := parse(filepath.Base(input), data)
			got := outcome(t, value, doc)
			path := strings.TrimSuffix(input, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v: run go test ./config -update and review what it wrote", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("outcome differs (-want +got):\n%s", diff)
			}
		})
	}
}

// outcome prints the errors, or what was read, and the warnings.
func outcome(t *testing.T, value any, doc *document) string {
	t.Helper()
	var b strings.Builder
	if err := doc.err(); err != nil {
		b.WriteString(err.Error() + "\n")
	} else {
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	sortProblems(doc.warnings)
	for _, warning := range doc.warnings {
		b.WriteString("warning: " + warning.String() + "\n")
	}
	return b.String()
}
