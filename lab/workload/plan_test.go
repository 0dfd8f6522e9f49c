package workload

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
)

func mixed(region string, seed uint64) Config {
	config := Default()
	config.Run, config.Region, config.Kind, config.Seed, config.Ledger = "r", region, Mixed, seed, io.Discard
	config.Servers = []Endpoint{{Name: "east-db1", Region: "east", Address: "10.1.0.11:3306"}}
	return config
}

// acknowledge plays attempts of a plan whose every statement succeeds.
func acknowledge(p *plan, count int) []Attempt {
	var all []Attempt
	for range count {
		a := p.next()
		a.Outcome, a.Acknowledged = Acknowledged, true
		p.learn(a)
		all = append(all, *a)
	}
	return all
}

func TestPlanIsDeterminedBySeed(t *testing.T) {
	t.Parallel()
	first := acknowledge(newPlan(mixed("east", 7), 3), 200)
	if diff := cmp.Diff(first, acknowledge(newPlan(mixed("east", 7), 3), 200)); diff != "" {
		t.Errorf("the same seed gave another plan:\n%s", diff)
	}
	if cmp.Equal(first, acknowledge(newPlan(mixed("east", 8), 3), 200)) {
		t.Error("another seed gave the same plan")
	}
}

func TestPlansShareOnlyThePool(t *testing.T) {
	t.Parallel()
	owner := map[string]string{}
	shared := 0
	for _, region := range []string{"east", "west"} {
		for writer := range 8 {
			name := fmt.Sprint(region, writer)
			for _, a := range acknowledge(newPlan(mixed(region, 1), writer), 100) {
				for _, s := range a.Statements {
					if len(s.Key) == len(poolKey(0)) {
						shared++
						continue
					}
					if other, ok := owner[s.Key]; ok && other != name {
						t.Fatalf("%s and %s both touch %s", name, other, s.Key)
					}
					owner[s.Key] = name
				}
			}
		}
	}
	if shared == 0 {
		t.Error("no attempt touched the shared pool")
	}
}

func TestPlanLeavesDoubtfulKeysAlone(t *testing.T) {
	t.Parallel()
	p := newPlan(mixed("east", 1), 0)
	doubtful := map[string]bool{}
	for i := range 500 {
		a := p.next()
		for _, s := range a.Statements {
			if doubtful[s.Key] {
				t.Fatalf("attempt %s touches %s, whose state is unknown", a.ID, s.Key)
			}
		}
		a.Outcome, a.Acknowledged = Acknowledged, true
		if i%5 == 0 {
			a.Outcome, a.Acknowledged = Unknown, false
			for _, s := range a.Statements {
				if len(s.Key) != len(poolKey(0)) {
					doubtful[s.Key] = true
				}
			}
		}
		p.learn(a)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want Outcome
	}{
		{&mysql.MySQLError{Number: 1290}, Refused},
		{fmt.Errorf("wrapped: %w", &mysql.MySQLError{Number: 1062}), Refused},
		{&mysql.MySQLError{Number: 1053, Message: "Server shutdown in progress"}, Unknown},
		{&mysql.MySQLError{Number: 1317}, Unknown},
		{mysql.ErrInvalidConn, Unknown},
		{errors.New("i/o timeout"), Unknown},
	} {
		if got := classify(test.err); got != test.want {
			t.Errorf("classify(%v) = %s, want %s", test.err, got, test.want)
		}
	}
}

func TestConfigRefusesNonsense(t *testing.T) {
	t.Parallel()
	good := mixed("east", 1)
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"kind": func(c *Config) { c.Kind = "replace" }, "share": func(c *Config) { c.Contend = 1.5 },
		"connections": func(c *Config) { c.Connections = 0 }, "rate": func(c *Config) { c.Rate = 0 },
		"servers": func(c *Config) { c.Servers = nil }, "run": func(c *Config) { c.Run = "" },
		"timeout": func(c *Config) { c.WriteTimeout = 0 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("a bad %s gave %v", name, err)
		}
	}
}
