package topology_test

import (
	"encoding/json"
	"testing"

	"github.com/regentdb/regent/topology"
)

func TestSameBoot(t *testing.T) {
	fine := topology.Boot{Started: 1000, Process: 41}
	for name, c := range map[string]struct {
		a, b topology.Boot
		want bool
	}{
		"one boot":                       {fine, topology.Boot{Started: 1000, Process: 41}, true},
		"killed and back in a second":    {fine, topology.Boot{Started: 1000, Process: 57}, false},
		"first process of its container": {fine, topology.Boot{Started: 1001, Process: 41}, false},
		"stored by an earlier release":   {fine, topology.Boot{Started: 1002}, true},
		"another, stored earlier":        {topology.Boot{Started: 997}, fine, false},
		"none":                           {topology.Boot{}, topology.Boot{}, false},
		"none and one":                   {topology.Boot{}, topology.Boot{Started: 1}, false},
	} {
		if c.a.Same(c.b) != c.want || c.b.Same(c.a) != c.want {
			t.Errorf("%s: %v and %v are the same: %t", name, c.a, c.b, !c.want)
		}
	}
}

func TestBootInJSON(t *testing.T) {
	for text, want := range map[string]topology.Boot{
		`"1000/41"`: {Started: 1000, Process: 41},
		`"1000/0"`:  {Started: 1000},
		`1000`:      {Started: 1000},
		`0`:         {},
		`""`:        {},
	} {
		var got topology.Boot
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		encoded, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again topology.Boot
		if err := json.Unmarshal(encoded, &again); err != nil || again != want {
			t.Errorf("%s written as %s: %v, %v", text, encoded, again, err)
		}
	}
	for _, text := range []string{`"x"`, `"1000"`, `"1000/"`, `{}`, `1.5`, `null1`} {
		if err := new(topology.Boot).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}
