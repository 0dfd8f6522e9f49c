package failover_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/failover"
)

var update = flag.Bool("update", false, "write the transcripts as they come out")

// TestTranscripts plays the stories in testdata. A story is blocks of commands, each with the
// decisions that followed, as "----" and the expected output up to an empty line.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("decisions differ (-want +got), `go test ./failover -run Transcripts -update` writes them:\n%s", diff)
			}
		})
	}
}

// play runs a story and returns it with the output that its commands gave.
func play(t *testing.T, story string) string {
	t.Helper()
	s := &stage{t: t, world: newWorld()}
	s.look()
	var out strings.Builder
	for i, block := range strings.Split(strings.Trim(story, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		commands, _, _ := strings.Cut(block+"\n", "----\n")
		out.WriteString(commands)
		if strings.HasPrefix(strings.TrimSpace(lastLine(commands)), "#") {
			continue
		}
		s.out.Reset()
		for line := range strings.SplitSeq(strings.Trim(commands, "\n"), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				s.run(strings.Fields(line))
			}
		}
		out.WriteString("----\n")
		if s.out.Len() == 0 {
			s.out.WriteString("ok\n")
		}
		out.WriteString(s.out.String())
	}
	return out.String()
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// stage runs commands against a world.
type stage struct {
	*world
	t      *testing.T
	out    strings.Builder
	fields []string
	blind  bool // the next decision sees nothing new
}

func (s *stage) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

func (s *stage) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s", strings.Join(s.fields, " "), fmt.Sprintf(format, args...))
}

// arg returns the nth argument or "".
func (s *stage) arg(n int) string {
	if n < len(s.fields) {
		return s.fields[n]
	}
	return ""
}

func (s *stage) run(fields []string) {
	s.t.Helper()
	s.fields = fields
	commands := map[string]func(){
		"ready": s.ready, "tick": func() { s.tick(true) }, "blind": func() { s.blind = true; s.tick(true); s.blind = false }, "settle": s.settle, "run": s.carryOutSome, "lose": s.lose,
		"advance": s.advance, "state": func() { s.printf("%s\n", s.describe(s.state)) },
		"kill": s.kill, "between": s.betweenCommand, "start": s.start, "hang": s.hang, "slow": s.slow, "witnessed": s.witnessed, "stuck": s.stuck, "resume": s.resume, "cut": s.cutCommand, "heal": s.heal,
		"write": s.write, "relay": s.write, "unheard": s.write, "sync": s.syncAll, "set": s.set, "persist": s.set, "configure": s.set, "status": s.set, "stranger": s.stranger, "policy": s.policy, "server": s.configureServer,
		"leader": s.lead, "node": s.nodeCommand, "order": s.order, "preview": s.preview, "failing": s.failing, "fleet": s.fleetCommand, "purging": s.purging, "copied": s.copied,
	}
	command := merged(commands, s.guardCommands())[fields[0]]
	if command == nil {
		s.fail("unknown command")
	}
	command()
}

// ready brings the cluster to adopted, armed and proven without output.
func (s *stage) ready() {
	for range 20 {
		s.tick(false)
		s.carryOutAll(false)
	}
	if s.state.Epoch != 1 || s.state.Hold != nil {
		s.fail("the cluster does not get ready: %s", s.describe(s.state))
	}
}

// tick makes a decision and commits it.
func (s *stage) tick(show bool) failover.Decision {
	s.now = s.now.Add(100 * time.Millisecond)
	if !s.blind {
		s.look()
	}
	before := s.state
	d := failover.Decide(s.state, s.input())
	again := failover.Decide(s.state, s.input())
	if diff := cmp.Diff(encode(s.t, d), encode(s.t, again)); diff != "" {
		s.fail("two decisions of the same inputs differ:\n%s", diff)
	}
	s.results = nil
	s.state, s.pending = reborn(s.t, d.Next), d.Actions
	if show {
		s.show(before, d)
	}
	return d
}

// settle ticks and carries out until nothing changes any more.
func (s *stage) settle() {
	const enough = 60
	quiet := 0
	for range enough {
		before := encode(s.t, s.state)
		d := s.tick(false)
		changed := before != encode(s.t, s.state)
		if changed || len(d.Actions) > 0 {
			s.show(decode(s.t, before), d)
		}
		if quiet++; changed || len(d.Actions) > 0 {
			quiet = 0
		}
		if quiet >= 2 {
			return
		}
		s.carryOutAll(true)
	}
	s.printf("still busy after %d decisions\n", enough)
}

func (s *stage) carryOutAll(show bool) {
	for _, a := range s.pending {
		res := s.carryOut(a)
		if show && res.Err != "" {
			s.printf("    failed: %s\n", res.Err)
		}
	}
	s.pending = nil
}

// carryOutSome carries out the pending actions of a kind, or on a server, or all.
func (s *stage) carryOutSome() {
	var left []failover.Action
	for _, a := range s.pending {
		if k := s.arg(1); (k != "" && string(a.Kind) != k) || (s.arg(2) != "" && a.Server != s.arg(2)) {
			left = append(left, a)
			continue
		}
		outcome := "done"
		if res := s.carryOut(a); res.Err != "" {
			outcome = res.Err
		}
		s.printf("%s %s: %s\n", a.Kind, a.Server, outcome)
	}
	s.pending = left
}

// lose forgets the actions under way and their outcomes, as a leader that dies does.
func (s *stage) lose() { s.pending, s.results = nil, nil }

func (s *stage) advance() {
	d, err := time.ParseDuration(s.arg(1))
	if err != nil {
		s.fail("%v", err)
	}
	s.pass(d)
}

// lead makes another node the leader: "leader NODE [SKEW]", whose clock is off by SKEW.
func (s *stage) lead() {
	s.leader, s.skew = s.arg(1), 0
	if text := s.arg(2); text != "" {
		var err error
		if s.skew, err = time.ParseDuration(text); err != nil {
			s.fail("%v", err)
		}
	}
	s.term++
	s.began = s.clock()
}

func (s *stage) nodeCommand() {
	for _, n := range s.nodes {
		if n.name == s.arg(1) {
			n.down = s.arg(2) == "down"
		}
	}
}
