package sim

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestRunsTheDaemonsCode makes sure that worlds run what the daemon runs. That nothing else is imported
// is the linter's business.
func TestRunsTheDaemonsCode(t *testing.T) {
	const module = "github.com/regentdb/regent/"
	missing := map[string]bool{"controller": true, "executor": true, "failover": true, "guard": true, "raftnode/fsm": true}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			delete(missing, strings.TrimPrefix(path, module))
		}
	}
	for name := range missing {
		t.Errorf("the simulator does not use package %s any more", name)
	}
}
