package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/workload"
	"github.com/regentdb/regent/policy"
)

// AsyncLoss is the outcome of killing a primary whose commits wait for nobody, behind a cut from its replicas.
type AsyncLoss struct {
	Old, New string
	Hold     string        // why nobody was promoted, where the possible loss was above the bound
	Evidence string        // by which it was replaced
	Estimate int64         // transactions, as recorded
	Lost     int           // transactions that only the old primary has, listed in the report
	Writes   int           // acknowledged by the old primary behind the cut
	Promoted time.Duration // from its death to the new primary
}

// MaxLost sets how many transactions an automatic failover may lose.
func (w *World) MaxLost(ctx context.Context, n int64) error {
	return w.changePolicy(ctx, func(p *policy.Policy) { p.MaxLostTransactions = n })
}

// bootProof answers why the group does not know that a server boots read-only, or "".
func (w *World) bootProof(ctx context.Context, server string) (string, error) {
	t, err := w.API.Topology(ctx, w.Cluster)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(t.Servers, func(s api.ServerStatus) bool { return s.Server == server })
	if i < 0 || t.Servers[i].BootProven != (t.Servers[i].BootUnproven == "") {
		return "", judged("the topology does not tell whether %s boots read-only", server)
	}
	return t.Servers[i].BootUnproven, nil
}

// StatePoweredOff kills the primary before any boot of it was seen. It judges that nobody is promoted for want of proof,
// that nobody can state that it is off while it lives, and that the word of a person lets another be promoted afterwards.
func (w *World) StatePoweredOff(ctx context.Context) (AsyncLoss, error) {
	before, err := w.healthy(ctx)
	if err != nil {
		return AsyncLoss{}, err
	}
	out := AsyncLoss{Old: before.Primary}
	err = Await(ctx, 20*time.Second, "settings of "+out.Old+" that have it boot read-only", func(ctx context.Context) (bool, string) {
		why, err := w.bootProof(ctx, out.Old)
		return strings.HasPrefix(why, "no boot of it was seen"), fmt.Sprintf("%q, %v", why, err)
	})
	if err != nil {
		return out, err
	}
	word := api.Failover{PoweredOff: true, Reason: "the trial pulled the plug"}
	if err := w.refusesWith(ctx, word, "it answers"); err != nil {
		return out, err
	}
	if err := w.Lab.Kill(ctx, out.Old); err != nil {
		return out, err
	}
	died := time.Now()
	if err := w.awaitHold(ctx, &out, "no boot of it was seen"); err != nil {
		return out, err
	}
	if err := w.refusesWith(ctx, api.Failover{Reason: "no proof"}, "--powered-off"); err != nil {
		return out, err
	}
	if err := w.Do(ctx, api.FailoverChange(w.Cluster, word)); err != nil {
		return out, err
	}
	if err := w.replaced(ctx, &out, before, died); err != nil {
		return out, err
	}
	if !strings.HasPrefix(out.Evidence, string(failover.EvidenceOperator)+": says that it is powered off") {
		return out, judged("%s was replaced by the evidence %q", out.Old, out.Evidence)
	}
	return out, w.bringBack(ctx, out.Old)
}

// awaitHold waits for a hold with a reason, and sees that it lasts.
func (w *World) awaitHold(ctx context.Context, out *AsyncLoss, why string) error {
	held := func(c api.ClusterStatus) bool {
		out.Hold = c.Reason
		return c.State == "hold" && c.Primary == out.Old && strings.Contains(c.Reason, why)
	}
	if err := w.AwaitState(ctx, 20*time.Second, "a hold because "+why, held); err != nil {
		return err
	}
	if err := Rest(ctx, 2*time.Second); err != nil {
		return err
	}
	if c, err := w.State(ctx); err != nil || !held(c) {
		return judged("the hold of %s did not last: state %s, %s (%v)", out.Old, c.State, c.Reason, err)
	}
	return nil
}

// replaced waits for the new primary and reads what was recorded.
func (w *World) replaced(ctx context.Context, out *AsyncLoss, before api.ClusterStatus, died time.Time) error {
	err := w.AwaitState(ctx, 30*time.Second, "a new primary", func(c api.ClusterStatus) bool {
		out.New, out.Promoted = c.Primary, time.Since(died)
		return c.Epoch > before.Epoch && c.Primary != before.Primary && c.State != "recovering" && c.State != "hold"
	})
	if err != nil {
		return err
	}
	if w.Region(out.New) != before.HomeRegion {
		return judged("%s outside the home region was promoted", out.New)
	}
	history, err := w.API.History(ctx, w.Cluster, 50)
	if err != nil {
		return err
	}
	for _, e := range history {
		if e.Kind != string(failover.KindFailover) || e.Failed || e.Epoch != before.Epoch+1 || e.LostEstimate == nil {
			continue
		}
		out.Estimate = *e.LostEstimate
		for _, v := range e.Evidence {
			if v.Server == out.Old {
				out.Evidence += v.Kind + ": " + v.Detail + "; "
			}
		}
		return nil
	}
	return judged("no failover to epoch %d with an estimate of its loss is in the history", before.Epoch+1)
}

// WitnessBoots has the group see every server of the home region boot: replicas where they are, the primary after another
// has taken its place by order.
func (w *World) WitnessBoots(ctx context.Context) error {
	before, err := w.healthy(ctx)
	if err != nil {
		return err
	}
	for _, name := range w.Servers(before.HomeRegion) {
		why, err := w.bootProof(ctx, name)
		if err == nil && why != "" {
			err = w.witnessBoot(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *World) witnessBoot(ctx context.Context, name string) error {
	c, err := w.State(ctx)
	if err != nil {
		return err
	}
	if c.Primary == name {
		if err := w.Do(ctx, api.FailoverChange(w.Cluster, api.Failover{Reason: "its boot is to be seen"})); err != nil {
			return err
		}
		if err := w.AwaitOK(ctx, 30*time.Second); err != nil {
			return err
		}
	}
	// A boot counts for the leader that saw the server before: where that has changed, the next one does.
	for range 3 {
		if err = w.reboot(ctx, name); err == nil {
			return nil
		}
	}
	return err
}

// reboot kills a server, starts it, and waits until the group knows that it boots read-only.
func (w *World) reboot(ctx context.Context, name string) error {
	if err := w.Lab.Kill(ctx, name); err != nil {
		return err
	}
	if err := w.bringBack(ctx, name); err != nil {
		return err
	}
	return Await(ctx, 10*time.Second, "the proof that "+name+" boots read-only", func(ctx context.Context) (bool, string) {
		why, err := w.bootProof(ctx, name)
		return err == nil && why == "", fmt.Sprintf("%s, %v", why, err)
	})
}

// LoseAsync cuts the primary off from its replicas, lets it write, and kills it. With a bound that the possible loss is above
// it judges that nobody is promoted and that its return loses nothing; else that the recorded estimate is within what was
// lost, and that a report lists that row by row after its return.
func (w *World) LoseAsync(ctx context.Context, bound int64, seed uint64) (AsyncLoss, error) {
	if err := w.MaxLost(ctx, bound); err != nil {
		return AsyncLoss{}, err
	}
	before, err := w.healthy(ctx)
	if err != nil {
		return AsyncLoss{}, err
	}
	out := AsyncLoss{Old: before.Primary}
	options := lab.DefaultWrite()
	options.From, options.Seed, options.Rate = before.HomeRegion, seed, 100
	writers, err := w.StartWriters(ctx, "async.ndjson", options, true)
	if err != nil {
		return out, err
	}
	cut, died, err := w.dieBehindCut(ctx, out.Old)
	if err == nil && bound == 0 {
		err = w.awaitHold(ctx, &out, "is above max_lost_transactions (0)")
	} else if err == nil {
		err = w.replaced(ctx, &out, before, died)
	}
	attempts, stopped := writers.Stop()
	for _, e := range []error{err, stopped} {
		if e != nil {
			return out, e
		}
	}
	out.Writes = acknowledgedSince(attempts, cut, died)
	if bound == 0 {
		return out, w.lossRefused(ctx, &out, before, attempts)
	}
	return out, w.lossListed(ctx, &out, attempts, cut)
}

// dieBehindCut answers when the primary was cut off from every other server, and when it was killed, once their
// receivers had noticed.
func (w *World) dieBehindCut(ctx context.Context, primary string) (cut, died time.Time, err error) {
	others := slices.DeleteFunc(w.Servers(""), func(n string) bool { return n == primary })
	for _, other := range others {
		if err := w.Lab.Cut(ctx, lab.CutRequest{Target: primary, From: other}); err != nil {
			return cut, died, err
		}
	}
	cut = time.Now()
	err = Await(ctx, 20*time.Second, "receivers that lost "+primary, func(ctx context.Context) (bool, string) {
		for _, other := range others {
			state, err := w.ask(ctx, other, "SELECT service_state FROM performance_schema.replication_connection_status WHERE channel_name = ''")
			if err != nil || state == "ON" {
				return false, fmt.Sprintf("%s: %s, %v", other, state, err)
			}
		}
		return true, ""
	})
	if err != nil {
		return cut, died, err
	}
	// One more round of probes, so that what was written shows.
	if err := Rest(ctx, time.Second); err != nil {
		return cut, died, err
	}
	died = time.Now()
	return cut, died, w.Lab.Kill(ctx, primary)
}

// lossRefused lets the old primary return: it is opened again, and nothing is lost.
func (w *World) lossRefused(ctx context.Context, out *AsyncLoss, before api.ClusterStatus, attempts []workload.Attempt) error {
	if err := w.refusesWith(ctx, api.Failover{PoweredOff: true, Reason: "the trial killed it"}, "accept the loss"); err != nil {
		return err
	}
	if _, err := w.Lab.Heal(ctx, lab.CutRequest{}); err != nil {
		return err
	}
	if err := w.Lab.Start(ctx, out.Old); err != nil {
		return err
	}
	err := w.AwaitState(ctx, time.Minute, "the same primary, open again", func(c api.ClusterStatus) bool {
		return c.State == "ok" && c.Primary == before.Primary && c.Epoch == before.Epoch
	})
	if err != nil {
		return err
	}
	return w.JudgeLedger(ctx, out.Old, attempts)
}

// lossListed lets the old primary return and holds the estimate and the report against the ledger.
func (w *World) lossListed(ctx context.Context, out *AsyncLoss, attempts []workload.Attempt, cut time.Time) error {
	if !strings.Contains(out.Evidence, string(failover.EvidenceProcessDead)+": ") {
		return judged("%s was replaced by the evidence %q", out.Old, out.Evidence)
	}
	if _, err := w.Lab.Heal(ctx, lab.CutRequest{}); err != nil {
		return err
	}
	if err := w.Lab.Start(ctx, out.Old); err != nil {
		return err
	}
	var report api.ReportEntry
	err := Await(ctx, time.Minute, "a report of what only "+out.Old+" has", func(ctx context.Context) (bool, string) {
		reports, err := w.openReports(ctx)
		if err != nil || len(reports) != 1 {
			return false, fmt.Sprintf("%d reports, %v", len(reports), err)
		}
		report = reports[0]
		return report.OldServer == out.Old && report.Complete, report.OldServer
	})
	if err != nil {
		return err
	}
	lost := behindCut(attempts, out.Old, cut)
	out.Lost = report.Transactions
	if err := w.judgeReport(ctx, report, lost); err != nil {
		return err
	}
	// The estimate is what was seen; what came between the last answer and the end is not in it.
	if out.Estimate <= 0 || out.Estimate > int64(out.Lost) {
		return judged("the estimate of %d transactions does not fit the %d that were lost", out.Estimate, out.Lost)
	}
	if err := w.Settle(ctx, report); err != nil {
		return err
	}
	if err := w.AwaitOK(ctx, time.Minute); err != nil {
		return err
	}
	return w.JudgeLedger(ctx, out.New, withoutSide(attempts, lost))
}

// behindCut are the attempts that only a server can have which was cut off from its replicas at some time.
func behindCut(attempts []workload.Attempt, server string, cut time.Time) side {
	var lost side
	for _, a := range attempts {
		if a.Server != server || a.Outcome == workload.Refused {
			continue
		}
		if a.Acknowledged && a.StartedAt.After(cut) {
			lost.acknowledged = append(lost.acknowledged, a)
		}
		if a.EndedAt.After(cut.Add(-5 * time.Second)) { // the cuts were made one after the other before that
			lost.possible = append(lost.possible, a)
		}
	}
	return lost
}

// PossibleLoss is what the preview of a failover says of it, -1 when it is unknown.
func (w *World) PossibleLoss(ctx context.Context, f api.Failover) (int64, error) {
	offer, err := w.API.Preview(ctx, api.FailoverChange(w.Cluster, f))
	if err != nil {
		return 0, err
	}
	var p struct {
		PossibleLoss int64 `json:"possible_loss"`
	}
	if err := json.Unmarshal(offer.Preview, &p); err != nil {
		return 0, fmt.Errorf("trial: preview: %w", err)
	}
	return p.PossibleLoss, nil
}
