package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/trial"
)

// Options say how the story is told.
type Options struct {
	// Dir is where the lab is made; empty takes a temporary directory.
	Dir string
	// Exe is the regent binary.
	Exe  string
	Seed uint64
	// Cut is how long the region is cut off the first time. The incident's was 43 s.
	Cut time.Duration
	// Keep leaves the lab up afterwards.
	Keep bool
	Out  io.Writer
}

// story is the demo while it is told.
type story struct {
	o     Options
	w     *trial.World
	began time.Time
	html  string
}

// Run tells the story. The error names the claim that did not hold.
func Run(ctx context.Context, o Options) (err error) {
	s := &story{o: o, began: time.Now()}
	if s.o.Dir == "" {
		dir, err := os.MkdirTemp("", "regent-demo-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		s.o.Dir = dir
	}
	defer func() {
		if s.o.Keep {
			s.say("The lab stays up: regent lab status --dir %s; regent lab down --dir %s ends it.", s.o.Dir, s.o.Dir)
			return
		}
		err = errors.Join(err, lab.Down(context.WithoutCancel(ctx), s.o.Dir))
	}()
	for _, chapter := range []func(context.Context) error{s.up, s.partition, s.split, s.home} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	s.head("Every claim marked [checked] was held against the writers' ledger and the servers. It took %s.", time.Since(s.began).Round(time.Second))
	return nil
}

func (s *story) head(format string, args ...any) {
	_, _ = fmt.Fprintf(s.o.Out, "\n%s\n", fmt.Sprintf(format, args...))
}

func (s *story) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.o.Out, "  %s\n", fmt.Sprintf(format, args...))
}

// claim prints a checked statement.
func (s *story) claim(format string, args ...any) {
	_, _ = fmt.Fprintf(s.o.Out, "  [checked] %s\n", fmt.Sprintf(format, args...))
}

func (s *story) up(ctx context.Context) error {
	s.head("1. Two regions, five MySQL servers, three regent nodes (seed %d)", s.o.Seed)
	w, err := trial.Up(ctx, lab.Options{Dir: s.o.Dir, Exe: s.o.Exe, Progress: indented{s.o.Out}, MySQL: mysqld.Options{Progress: indented{s.o.Out}}})
	if err != nil {
		return err
	}
	s.w = w
	c, err := w.State(ctx)
	if err != nil {
		return err
	}
	s.say("Cluster %s is %s: the primary is %s, the home region is %s.", c.Cluster, c.State, c.Primary, c.HomeRegion)
	return nil
}

// partition is the incident as it was: the home region is cut off while applications write.
func (s *story) partition(ctx context.Context) error {
	s.head("2. 21 October 2018, 22:52 UTC: the network cuts the home region off for %s", s.o.Cut)
	s.say("Writers run in both regions. In 2018 the controllers on the far side promoted a primary now.")
	out, err := s.w.Isolate(ctx, []string{"east"}, s.o.Cut, s.o.Seed)
	if err != nil {
		return err
	}
	s.claim("After %s the cluster's state was %q: %s.", out.Noticed.Round(10*time.Millisecond), out.State, out.Reason)
	for _, server := range s.w.Servers("west") {
		s.claim("%s was refused: %s.", server, out.Refused[server])
	}
	s.claim("Nobody was promoted, and no setting of any server was changed.")
	s.claim("East went on serving: it acknowledged %d writes during the cut.", out.Writes)
	s.claim("%s after the heal both regions were equal, with every acknowledged write there: nothing was lost, nothing diverged.", out.EqualIn.Round(100*time.Millisecond))
	return nil
}

// split is what a person can force, and what regent makes of it afterwards.
func (s *story) split(ctx context.Context) error {
	s.head("3. The cut comes again, and this time a person overrides the policy")
	split, err := s.w.Split(ctx, trial.SplitOptions{To: "west-db1", Before: time.Second, Apart: 8 * time.Second, Seed: s.o.Seed + 100, Step: s.tell})
	if err != nil {
		return err
	}
	s.html, err = s.saveReport(ctx, split.Report)
	if err != nil {
		return err
	}
	s.say("The report as a page: %s", s.html)
	s.say("In production: regent report show %s, regent report export %s --format html --out report.html", split.Report.ID, split.Report.ID)
	return nil
}

// tell narrates the turns of the split as they happen.
func (s *story) tell(turn string, split *trial.Split) {
	switch turn {
	case trial.TurnCut:
		s.say("East is cut off again. On call decides that West must take writes now:")
		s.say("regent failover orders --to west-db1 --override-region --reason … --ttl 15m --confirm …")
	case trial.TurnPromoted:
		s.claim("%s is the primary after %s. East cannot be seen and still takes writes: the split is on.", split.New, split.Promoted.Round(10*time.Millisecond))
	case trial.TurnHealed:
		s.say("The network heals.")
	case trial.TurnQuarantined:
		s.claim("%s later every server of East is read-only and quarantined, none was re-pointed or wiped.", split.Quarantined.Round(10*time.Millisecond))
	case trial.TurnReported:
		s.claim("%s after the heal the report is complete: %d transactions that only East has (%s).", split.Reported.Round(10*time.Millisecond), split.Report.Transactions, byClass(split.Report))
		s.claim("It lists each of the %d writes that only East acknowledged, and nothing that East was not asked to write.", split.HomeOnly)
	case trial.TurnSettled:
		s.claim("regent report replay repeated %d safe transactions on %s, and a second time wrote nothing.", split.Replayed, split.New)
		s.claim("After clone and acknowledgement every server is equal again (%s).", split.Settled.Round(100*time.Millisecond))
	}
}

func (s *story) home(ctx context.Context) error {
	s.head("4. Back home")
	if err := s.w.GoHome(ctx, "east-db1"); err != nil {
		return err
	}
	s.claim("east-db1 is the primary again, ordered by a person: regent never fails back by itself.")
	return nil
}

// saveReport keeps the page outside the lab, which may be about to end.
func (s *story) saveReport(ctx context.Context, report api.ReportEntry) (string, error) {
	page, err := s.w.API.ReportPart(ctx, report.ID, api.PartHTML, false)
	if err != nil {
		return "", err
	}
	defer func() { _ = page.Close() }()
	path := filepath.Join(os.TempDir(), "regent-"+report.ID+".html")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	_, err = io.Copy(file, page)
	return path, errors.Join(err, file.Close())
}

func byClass(r api.ReportEntry) string {
	parts := make([]string, 0, len(r.ByClass))
	for class, n := range r.ByClass {
		parts = append(parts, fmt.Sprintf("%s %d", class, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// indented sets the progress of the lab apart from the story.
type indented struct{ out io.Writer }

func (i indented) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if _, err := fmt.Fprintf(i.out, "    %s", line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
