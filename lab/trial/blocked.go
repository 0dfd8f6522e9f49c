package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// Ending is what makes regent replace a primary that is in a blocked state, or hold.
type Ending string

// Endings.
const (
	Ordered Ending = "order" // a person orders a failover within the region
	Killed  Ending = "kill"
	Hung    Ending = "hang"
	CutOff  Ending = "cut" // from every node and server, not from its clients
)

// Endings lists all of them.
func Endings() []Ending { return []Ending{Ordered, Killed, Hung, CutOff} }

// blockedLimit is how long it may take until a primary is fenced, or the cluster holds and says why.
const blockedLimit = 5 * time.Second

// heldFor is how long a hold is watched for its end.
const heldFor = 15 * time.Second

// BlockedCase is a primary in a state that is in the way of its fence, and what happens to it then.
type BlockedCase struct {
	Blockage Blockage
	Ending   Ending
	Seed     uint64
}

// Name names the case in results.
func (c BlockedCase) Name() string { return string(c.Blockage) + "/" + string(c.Ending) }

// Blocked is what came of a case.
type Blocked struct {
	Old     string        `json:"old"`
	New     string        `json:"new,omitempty"`    // empty where it was held
	Filled  int           `json:"filled,omitempty"` // connections that were opened until there was room for no other
	Alone   string        `json:"alone"`            // what the cluster said of the state by itself
	Noticed time.Duration `json:"noticed"`          // from the state until it said so, 0 where it is ok
	Took    time.Duration `json:"took"`             // from the order or fault until fenced or held
	Held    string        `json:"held,omitempty"`   // the reason of the hold, where that was first
	Outcome string        `json:"outcome"`          // with the evidence, or that it stays held
	Outage  time.Duration `json:"outage"`           // from the order or fault until the new primary acknowledged a write
	Writes  int           `json:"writes"`           // acknowledged
}

func (b *Blocked) String() string {
	alone := "left alone"
	if b.Noticed > 0 {
		alone = fmt.Sprintf("named after %d ms (%s)", b.Noticed.Milliseconds(), b.Alone)
	}
	if b.Filled > 0 {
		alone = fmt.Sprintf("%d more connections, until there was room for no other; %s", b.Filled, alone)
	}
	first := b.Outcome
	if b.Held != "" {
		first = fmt.Sprintf("held (%s); %s", b.Held, b.Outcome)
	}
	return fmt.Sprintf("%s; after %d ms %s; writes again after %d ms; %d writes acknowledged, none lost",
		alone, b.Took.Milliseconds(), first, b.Outage.Milliseconds(), b.Writes)
}

// blockedRun is a case while it runs.
type blockedRun struct {
	w       *World
	c       BlockedCase
	out     Blocked
	before  api.ClusterStatus
	began   time.Time
	struck  time.Time  // the order or fault
	ordered chan error // how the order ended; nil without one
	woken   bool       // the primary that hung goes on
	writers *Writers
	kept    *Writers
	state   *blockage
	// attempts of all applications, once they have stopped.
	attempts []workload.Attempt
}

// Block brings the primary into a state under write load, sees that it is not replaced for that alone, does to it
// what the case says, and judges that it was fenced or held in time, that at any time one server acknowledged, and
// that nothing acknowledged was lost. The cluster is healthy again afterwards.
func (w *World) Block(ctx context.Context, c BlockedCase) (Blocked, error) {
	r := &blockedRun{w: w, c: c}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"set the stage", r.stage},
		{"begin writing", r.write},
		{"block", r.block},
		{"leave it alone", r.alone},
		{"strike", r.strike},
		{"take the state back", r.clear},
		{"judge", r.judge},
	}
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			cleared := r.clear(context.WithoutCancel(ctx))
			w.remember(r.attempts)
			return r.out, errors.Join(fmt.Errorf("%s: %s: %w", c.Name(), s.what, err), cleared)
		}
	}
	return r.out, nil
}

// stage makes the preferred server of the home region the primary, ready for the state.
func (r *blockedRun) stage(ctx context.Context) error {
	c, err := r.w.healthy(ctx)
	if err != nil {
		return err
	}
	home := r.w.Servers(c.HomeRegion)
	if err := r.w.prepareBlockage(ctx, r.c.Blockage, home[0], home[1]); err != nil {
		return err
	}
	r.before, err = r.w.healthy(ctx)
	r.out.Old, r.began = r.before.Primary, time.Now()
	return err
}

// write starts applications that look for the primary, and such that stay with it whatever happens.
func (r *blockedRun) write(ctx context.Context) error {
	options := lab.DefaultWrite()
	options.From, options.Seed = r.before.HomeRegion, r.c.Seed
	var err error
	if r.writers, err = r.w.StartWriters(ctx, "blocked.ndjson", options, true); err != nil {
		return err
	}
	if r.kept, err = r.w.keepers(ctx, Pause, options); err != nil {
		return err
	}
	return Rest(ctx, 500*time.Millisecond)
}

func (r *blockedRun) block(ctx context.Context) error {
	var err error
	if r.state, err = r.w.block(ctx, r.c.Blockage, r.out.Old); err == nil && r.c.Blockage == Connections {
		r.out.Filled = len(r.state.held)
	}
	return err
}

// speaks tells whether the cluster has to say something about a state: nothing is committed any more, and no
// application did that.
func (b Blockage) speaks() bool { return b == UnheardCommits || b == FullDisk }

// alone sees what the cluster makes of the state by itself. Slow is not dead: nobody is promoted for it.
func (r *blockedRun) alone(ctx context.Context) error {
	began := time.Now()
	rest := 2 * time.Second
	if r.c.Blockage.speaks() {
		// Receivers are somewhere between giving up and connecting again when it goes on.
		rest = time.Duration(r.c.Seed%5) * time.Second
		err := r.w.AwaitAgreed(ctx, blockedLimit+r.w.Slack, "a word about commits that wait", func(a Agreement) bool {
			r.out.Noticed, r.out.Alone = time.Since(began), a.Cluster.State+": "+a.Cluster.Reason
			return (a.Cluster.State == "degraded" || a.Cluster.State == "hold") && saysWaiting(a.Cluster.Reason)
		})
		if err != nil {
			return err
		}
	}
	if err := Rest(ctx, rest); err != nil {
		return err
	}
	var c api.ClusterStatus
	if err := r.w.AwaitAgreed(ctx, 10*time.Second, "a leader", func(a Agreement) bool { c = a.Cluster; return true }); err != nil {
		return err
	}
	if c.Epoch != r.before.Epoch || c.State == "recovering" {
		return judged("%s was replaced for its state alone (state %s, primary %s, %s)", r.out.Old, c.State, c.Primary, c.Reason)
	}
	return nil
}

// strike does to the primary what the case says, and waits until it is fenced or held, and what comes of a hold.
func (r *blockedRun) strike(ctx context.Context) error {
	r.struck = time.Now()
	if err := r.end(ctx); err != nil {
		return err
	}
	err := r.w.AwaitAgreed(ctx, 30*time.Second, "a fence or a hold", func(a Agreement) bool {
		r.out.Took = time.Since(r.struck)
		if a.Cluster.State == "hold" {
			r.out.Held = a.Cluster.Reason
			return true
		}
		return r.replaced(a.Cluster)
	})
	if r.out.Held != "" {
		// It need not end while the state lasts.
		_ = r.w.AwaitAgreed(ctx, heldFor, "the end of the hold", func(a Agreement) bool { return r.replaced(a.Cluster) })
	}
	if r.ordered != nil {
		err = errors.Join(err, <-r.ordered)
	}
	if err == nil && r.out.Took > blockedLimit+r.w.Slack {
		err = judged("fenced or held after %s; %s is allowed", r.out.Took, blockedLimit)
	}
	if err != nil {
		return err
	}
	if r.out.New == "" {
		r.out.Outcome = "still held when that was taken back"
		return nil
	}
	if err := r.proven(ctx); err != nil {
		return err
	}
	r.state.goOn(ctx)
	return Rest(ctx, time.Second)
}

// proven looks for the evidence by which the primary was replaced.
func (r *blockedRun) proven(ctx context.Context) error {
	var evidence []api.Evidence
	// The node that is asked may still be catching up with what was agreed.
	err := Await(ctx, 5*time.Second, "evidence against "+r.out.Old, func(ctx context.Context) (bool, string) {
		var err error
		evidence, err = r.w.evidenceFor(ctx, r.out.Old, r.began)
		return err == nil && len(evidence) > 0, fmt.Sprint(err)
	})
	if err != nil {
		return err
	}
	kinds := make([]string, 0, len(evidence))
	for _, e := range evidence {
		kinds = append(kinds, e.Kind)
	}
	r.out.Outcome = r.out.New + " replaced it by " + strings.Join(kinds, " and ")
	return nil
}

// replaced tells whether another server is the open primary.
func (r *blockedRun) replaced(c api.ClusterStatus) bool {
	if c.Epoch == r.before.Epoch || c.Primary == r.out.Old || (c.State != "ok" && c.State != "degraded") {
		return false
	}
	r.out.New = c.Primary
	return true
}

// end does to the primary what the case says.
func (r *blockedRun) end(ctx context.Context) error {
	w, old := r.w, r.out.Old
	switch r.c.Ending {
	case Ordered:
		// Whoever orders it is told how it ended; what the cluster says meanwhile is looked at here.
		change := api.FailoverChange(w.Cluster, api.Failover{To: w.neighbour(old), Reason: "the trial wants it away from " + string(r.c.Blockage)})
		r.ordered = make(chan error, 1)
		go func() { r.ordered <- w.Do(ctx, change) }()
		return nil
	case Killed:
		return w.Lab.Kill(ctx, old)
	case Hung:
		return w.Lab.Pause(ctx, old)
	case CutOff:
		for _, other := range w.others(old) {
			if err := w.Lab.Cut(ctx, lab.CutRequest{Target: old, From: other}); err != nil {
				return err
			}
		}
		return nil
	}
	panic("trial: no such ending: " + string(r.c.Ending))
}
