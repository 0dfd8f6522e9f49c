package trial

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
)

// Isolation is the outcome of cutting the home region off.
type Isolation struct {
	Targets  []string
	Length   time.Duration
	Noticed  time.Duration // from the cut to a state that says so
	State    string
	Reason   string
	Refused  map[string]string // by server, why it was not promoted
	Writes   int               // acknowledged by the home region during the cut
	Silence  workload.Outage   // the longest time in the cut without an acknowledgement to the home region
	Failed   int               // attempts of the home region in the cut that were not acknowledged
	EqualIn  time.Duration     // from the heal until both regions were equal
	Attempts []workload.Attempt
}

// interruption is how long nothing may be acknowledged to a home region that is to serve: twice the time limit
// of one write. Shorter than that no client has failed twice in a row. One failure alone may have nothing to do
// with regent: a client that was cut off in a transaction leaves its row locks behind, and who needs such a row
// waits until its own limit is over, together with those that wait for what it holds. A primary that is
// fenced in a cut stays so until the heal, so that it cannot pass below this.
func interruption() time.Duration { return 2 * lab.DefaultWrite().WriteTimeout }

// Isolate cuts the targets off for a while with writers in both regions, and judges that nobody was
// promoted, nothing was touched, the home region served without an interruption, and nothing was lost.
func (w *World) Isolate(ctx context.Context, targets []string, length time.Duration, seed uint64) (Isolation, error) {
	out := Isolation{Targets: targets, Length: length}
	before, err := w.healthy(ctx)
	if err != nil {
		return out, err
	}
	settings, err := w.replicationSettings(ctx)
	if err != nil {
		return out, err
	}
	both, err := w.writeFromBoth(ctx, before, seed)
	if err != nil {
		return out, err
	}
	defer both.cancel()
	began := time.Now()
	if err := w.cutAll(ctx, targets); err != nil {
		return out, err
	}
	if err := w.duringCut(ctx, &out, before, began); err != nil {
		return out, err
	}
	after, err := w.replicationSettings(ctx)
	if err != nil {
		return out, err
	}
	healed := time.Now()
	if _, err := w.Lab.Heal(ctx, lab.CutRequest{}); err != nil {
		return out, err
	}
	if out.Attempts, err = both.stop(); err != nil {
		return out, err
	}
	if err := out.served(before.HomeRegion, began, healed); err != nil {
		return out, err
	}
	if !maps.Equal(settings, after) {
		return out, judged("settings of servers changed during the cut: before %v, after %v", settings, after)
	}
	return out, w.afterCut(ctx, &out, before, healed)
}

// served judges that writes went on in the home region from the cut to the heal.
func (out *Isolation) served(home string, cut, healed time.Time) error {
	own := slices.DeleteFunc(slices.Clone(out.Attempts), func(a workload.Attempt) bool { return a.Region != home })
	out.Writes = acknowledgedSince(own, cut, healed)
	out.Silence = workload.LongestSilence(own, cut, healed)
	for _, a := range own {
		if !a.Acknowledged && a.EndedAt.After(cut) && a.EndedAt.Before(healed) {
			out.Failed++
		}
	}
	if silence := out.Silence.Duration(); silence > interruption() {
		return judged("nothing was acknowledged to the home region for %s, %s after the cut; %d writes were acknowledged in all of it",
			silence, out.Silence.From.Sub(cut), out.Writes)
	}
	return nil
}

func (w *World) cutAll(ctx context.Context, targets []string) error {
	for _, t := range targets {
		request := lab.CutRequest{Target: t}
		if len(targets) > 1 {
			// Single servers keep each other; they are cut from what is outside their region.
			for _, far := range []string{"west", "cloud"} {
				request.From = far
				if err := w.Lab.Cut(ctx, request); err != nil {
					return err
				}
			}
			continue
		}
		if err := w.Lab.Cut(ctx, request); err != nil {
			return err
		}
	}
	return nil
}

// duringCut judges what is visible while the cut lasts.
func (w *World) duringCut(ctx context.Context, out *Isolation, before api.ClusterStatus, began time.Time) error {
	err := w.AwaitState(ctx, 15*time.Second, "a state that names the isolation", func(c api.ClusterStatus) bool {
		out.Noticed, out.State, out.Reason = time.Since(began), c.State, c.Reason
		return (c.State == "isolated" || c.State == "hold") && c.Reason != ""
	})
	if err != nil {
		return err
	}
	err = Await(ctx, 15*time.Second, "a refusal in the history for every server of west", func(ctx context.Context) (bool, string) {
		out.Refused, err = w.refusal(ctx, began.Add(-time.Second))
		if err != nil {
			return false, err.Error()
		}
		for _, name := range w.Servers("west") {
			if out.Refused[name] == "" {
				return false, "no reason for " + name
			}
		}
		return true, ""
	})
	if err != nil {
		return err
	}
	topology, err := w.API.Topology(ctx, w.Cluster)
	if err != nil {
		return err
	}
	if len(topology.Servers) != len(w.Servers("")) {
		return judged("topology shows %d of %d servers during the cut", len(topology.Servers), len(w.Servers("")))
	}
	if err := Rest(ctx, time.Until(began.Add(out.Length))); err != nil {
		return err
	}
	c, err := w.State(ctx)
	if err != nil {
		return err
	}
	if c.Primary != before.Primary || c.Epoch != before.Epoch {
		return judged("%s was promoted during the cut (epoch %d after %d)", c.Primary, c.Epoch, before.Epoch)
	}
	return nil
}

// afterCut judges the heal: ok again, equal everywhere, and the ledger holds.
func (w *World) afterCut(ctx context.Context, out *Isolation, before api.ClusterStatus, healed time.Time) error {
	// What was written in a long cut takes the other regions as long to apply.
	if err := w.AwaitEqual(ctx, 30*time.Second+out.Length); err != nil {
		return err
	}
	out.EqualIn = time.Since(healed)
	if err := w.AwaitOK(ctx, 30*time.Second); err != nil {
		return err
	}
	c, err := w.State(ctx)
	if err != nil {
		return err
	}
	if c.Primary != before.Primary || c.Epoch != before.Epoch {
		return judged("%s became primary after the heal", c.Primary)
	}
	return w.JudgeLedger(ctx, before.Primary, out.Attempts)
}

// pair are writers in both regions.
type pair struct{ home, away *Writers }

func (w *World) writeFromBoth(ctx context.Context, before api.ClusterStatus, seed uint64) (*pair, error) {
	options := lab.DefaultWrite()
	options.Kind, options.Seed, options.Rate = workload.Mixed, seed, 100
	options.From = before.HomeRegion
	home, err := w.StartWriters(ctx, "home.ndjson", options, true)
	if err != nil {
		return nil, err
	}
	options.From, options.Seed = "west", seed+1
	away, err := w.StartWriters(ctx, "away.ndjson", options, true)
	if err != nil {
		_, _ = home.Stop()
		return nil, err
	}
	return &pair{home: home, away: away}, Rest(ctx, 2*time.Second)
}

// stop ends both and answers all attempts.
func (p *pair) stop() ([]workload.Attempt, error) {
	home, err := p.home.Stop()
	away, errAway := p.away.Stop()
	p.home, p.away = nil, nil
	if err == nil {
		err = errAway
	}
	return append(home, away...), err
}

// cancel ends writers that are still there after a failure.
func (p *pair) cancel() {
	if p.home != nil {
		_, _ = p.stop()
	}
}
