package failover

import (
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/topology"
)

// nudgeDeadline bounds a nudge, which waits for acknowledgements itself, and with that what else the server is wanted for.
const nudgeDeadline = 2 * time.Second

// nudge has an open primary log something that changes nothing where commits wait for acknowledgements that were
// lost: its ackers are attached and hold what it has not committed yet, and are not sent that again. What they are sent
// now they acknowledge, and with it all before (docs/adr/0014).
func (d *decider) nudge(fp *topology.Facts) {
	if fp.Commits.StuckFor < stuckAfter || !awaitsAcks(fp) || !fp.Writable() {
		return
	}
	holding := 0
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		if f != nil && slices.Contains(d.s.Ackers, s.Name) && d.acknowledges(s.Name, f, fp) && receivesFrom(f, fp) && !fp.Executed.Contains(f.Received()) {
			holding++
		}
	}
	if wait := d.waitWanted(); wait > 0 && holding >= wait {
		d.do(Action{Kind: ActNudge, Server: d.s.Primary, Deadline: nudgeDeadline}, "")
	}
}

// receivesFrom tells whether the receiver of a server says that it is connected to the source.
func receivesFrom(f, source *topology.Facts) bool {
	return f.Source != nil && f.Source.Receiver == topology.ThreadOn && strings.EqualFold(f.Source.UUID, source.UUID)
}

// absorbNudge notes in the history what ended the wait.
func (d *decider) absorbNudge(res *Result) {
	if res.Err == "" && res.Action.Server == d.s.Primary && res.Action.Epoch == d.s.Epoch {
		d.event(Event{
			Kind: "nudge", Decision: d.s.Primary + " has logged FLUSH ENGINE LOGS: its commits go on",
			Reason: "they waited for acknowledgements that were lost with a connection: its ackers held what it had not committed",
		})
	}
}
