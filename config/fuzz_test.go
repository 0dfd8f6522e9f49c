package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/regentdb/regent/policy"
)

// seed adds every file of a directory to the corpus.
func seed(f *testing.F, directory string) {
	f.Helper()
	inputs, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no seed in %s: %v", directory, err)
	}
	for _, input := range inputs {
		data, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzParseNode: any input is either refused with problems that have a message, or is a node file
// that reads the same again when it is written out.
func FuzzParseNode(f *testing.F) {
	seed(f, "testdata/node")
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := ParseNode("/etc/regent/node.yaml", data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		second, err := ParseNode("/etc/regent/node.yaml", marshal(t, first))
		if diff := cmp.Diff(first, second); err != nil || diff != "" {
			t.Errorf("read again: %v\n%s", err, diff)
		}
	})
}

// FuzzParseClusters: the same for declared clusters, which moreover are valid to package policy.
func FuzzParseClusters(f *testing.F) {
	seed(f, "testdata/clusters")
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := ParseClusters("clusters.yaml", data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if problems := policy.Validate(first); len(problems) > 0 {
			t.Errorf("accepted with %v", problems)
		}
		second, err := ParseClusters("clusters.yaml", marshal(t, first))
		if diff := cmp.Diff(first, second); err != nil || diff != "" {
			t.Errorf("read again: %v\n%s", err, diff)
		}
	})
}

// FuzzParseTokens: an accepted file has a name, a hash and a role for every token.
func FuzzParseTokens(f *testing.F) {
	seed(f, "testdata/tokens")
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens, doc := parseTokens("tokens.yaml", data)
		if err := doc.err(); err != nil {
			checkRefusal(t, err)
			return
		}
		for _, token := range tokens {
			if token.Name == "" || token.SHA256 == ([32]byte{}) || len(token.Roles) == 0 {
				t.Errorf("accepted an incomplete token %+v", token)
			}
		}
	})
}

// checkRefusal wants an error that people can act on.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	invalid, ok := errors.AsType[*InvalidError](err)
	if !ok || !errors.Is(err, ErrInvalid) || len(invalid.Problems) == 0 {
		t.Fatalf("error %v (%T) is no list of problems", err, err)
	}
	for _, problem := range invalid.Problems {
		if problem.Message == "" || problem.File == "" || problem.Line < 0 {
			t.Errorf("problem %+v cannot be acted on", problem)
		}
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	data, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
