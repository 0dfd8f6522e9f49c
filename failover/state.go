package failover

import (
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/topology"
)

// State is what the group has agreed about one cluster. Its zero value is a cluster just declared.
type State struct {
	Cluster string `json:"cluster"`
	// Epoch is raised by every change of primary; 0 means not adopted yet.
	Epoch   uint64 `json:"epoch"`
	Primary string `json:"primary"`
	// Ackers is the acker set A of this epoch, sorted: every server that may have acknowledged.
	Ackers []string `json:"ackers,omitempty"`
	// WaitCount is W, the smallest wait count armed in this epoch.
	WaitCount int `json:"wait_count,omitempty"`
	// Unproven says why the acknowledgement settings of this epoch are not known to have held
	// without a gap; empty when they are proven.
	Unproven string `json:"unproven,omitempty"`
	// Armed tells that the settings were read back on the open primary of this epoch.
	Armed bool `json:"armed,omitempty"`
	// Shortage is a lack of ackers, where the policy is to go on without.
	Shortage *Shortage `json:"shortage,omitempty"`
	// Baseline is what the primary had executed when it was adopted or opened: no transaction in
	// it is an extra on any other server, however old the last answer of the primary is.
	Baseline gtid.Set `json:"baseline,omitzero"`
	// ProveUpTo is what every acker must hold before Unproven is lifted.
	ProveUpTo gtid.Set `json:"prove_up_to,omitzero"`
	// OpenBoot is the boot of the primary in which it was last opened or seen writable.
	OpenBoot topology.Boot `json:"open_boot,omitzero"`
	// OpenedAt is when that was known, on the clock of the leader then: older answers say nothing
	// about an open primary.
	OpenedAt time.Time `json:"opened_at,omitzero"`
	// Offline tells that regent may have turned offline_mode on at the primary in a fence that it
	// then gave up, or its guard did: its replicas cannot attach before that is taken back.
	Offline bool `json:"offline,omitempty"`
	// Unfencing tells that a fence of the primary was given up, and that nobody has proven since that it is over:
	// it may be in force, or may land yet. Until then a primary that is read-only was not made so by a person.
	Unfencing bool `json:"unfencing,omitempty"`
	// Servers holds what is agreed about single servers, by name.
	Servers map[string]Member `json:"servers,omitempty"`
	// Guard is what is agreed about the in-server guard; nil: no server carries one that counts.
	Guard    *Guard    `json:"guard,omitempty"`
	Recovery *Recovery `json:"recovery,omitempty"`
	Hold     *Hold     `json:"hold,omitempty"`
	Override *Override `json:"override,omitempty"`
	Isolated string    `json:"isolated,omitempty"` // the reason while the primary's region is isolated
	Paused   *Pause    `json:"paused,omitempty"`
	// Clock is the reading by which deadlines pass from leader to leader.
	Clock Clock `json:"clock,omitzero"`
	// CooldownUntil stops automatic recoveries after one, on the leader's clock.
	CooldownUntil time.Time `json:"cooldown_until,omitzero"`
	// Failovers are the automatic ones that still count, by until when. Flapping tells that there were
	// too many at once: no further one follows before somebody acknowledges them.
	Failovers []time.Time `json:"failovers,omitempty"`
	Flapping  bool        `json:"flapping,omitempty"`
	// Lost is the last loss of sight of the primary.
	Lost        *Loss        `json:"lost,omitempty"`
	Divergences []Divergence `json:"divergences,omitempty"`
	// Counter numbers recoveries and divergences of the cluster.
	Counter uint64 `json:"counter,omitempty"`
}

// Member is what is agreed about one server.
type Member struct {
	UUID string `json:"uuid,omitempty"`
	// CaughtUpBoot is the boot in which the server was last seen receiving from
	// the primary of the epoch as an acker.
	CaughtUpBoot topology.Boot `json:"caught_up_boot,omitzero"`
	// SeenBoot is a newer boot in which the server was seen as an acker, first at SeenAt by the
	// leader of SeenTerm; what it acknowledged before may still be missing on it.
	SeenBoot topology.Boot `json:"seen_boot,omitzero"`
	SeenAt   time.Time     `json:"seen_at,omitzero"`
	SeenTerm uint64        `json:"seen_term,omitempty"`
	// Witness is what was seen of the server's boots.
	Witness Witness `json:"witness,omitzero"`
	// Quarantine is set while the server holds, or may hold, transactions the primary lacks.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
	Clone      *CloneJob   `json:"clone,omitempty"`
	// Kept is set while regent has the server keep its binary logs.
	Kept *Kept `json:"kept,omitempty"`
	// Former names the epoch this server was primary of, 0 when it has been fenced and
	// has followed the current primary since.
	Former uint64 `json:"former,omitempty"`
	// Away tells that the server does not follow the current primary yet.
	Away bool `json:"away,omitempty"`
}

// Quarantine keeps a server read-only and away from the cluster until its extras are settled.
type Quarantine struct {
	Since      time.Time `json:"since"`
	Reason     string    `json:"reason"`
	Extra      gtid.Set  `json:"extra"` // as last seen; final once Fenced
	Fenced     bool      `json:"fenced"`
	Divergence string    `json:"divergence"`
	// Torn tells that a rebuild of the server did not end well: it may have lost data, and only a rebuild that
	// does lets it go.
	Torn bool `json:"torn,omitempty"`
	// Rewinding tells that a rewind was begun and did not come to its end: until another one does, or the server is
	// rebuilt, its GTID sets say nothing of what it holds.
	Rewinding bool `json:"rewinding,omitempty"`
}

// CloneJob is an operator's order to rebuild a quarantined server.
type CloneJob struct {
	ID   string    `json:"id"`
	From string    `json:"from"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Hold says that something is wrong, that regent will not act, and what is missing.
type Hold struct {
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason"`
	Missing []string  `json:"missing,omitempty"`
	// Sticky holds end only when a person releases them.
	Sticky bool `json:"sticky,omitempty"`
}

// Override is an operator's recorded, expiring, single-use permission.
type Override struct {
	ID     string `json:"id"`
	Target string `json:"target"`
	Region bool   `json:"region"` // accepts leaving the home region and the divergence it brings
	// PoweredOff states that the old primary is off, so that nothing should diverge.
	PoweredOff bool      `json:"powered_off,omitempty"`
	Reason     string    `json:"reason"`
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Expires    time.Time `json:"expires"`
	// Accepts are the candidates of earlier passes that may write on as well as the primary that is replaced:
	// the recovery held for want of evidence against them, and the preview of the order named them.
	Accepts []string `json:"accepts,omitempty"`
}

// RecoveryKind says why a primary is being replaced.
type RecoveryKind string

// Recovery kinds.
const (
	KindFailover RecoveryKind = "failover" // automatic, or ordered inside the home region
	KindOverride RecoveryKind = "override" // ordered across regions
)

// Stage is how far a recovery has come.
type Stage string

// Stages, in order.
const (
	StageRevoke  Stage = "revoke"   // receivers stop, sets are read
	StageCatchUp Stage = "catch_up" // the candidate collects and applies everything
	StageAttach  Stage = "attach"   // the candidate is armed, the ackers follow it
	StageOpen    Stage = "open"     // the new epoch stands; its primary opens
	StageAbort   Stage = "abort"    // stopped receivers start again
)

// Recovery is the record of one replacement of a primary.
type Recovery struct {
	ID        string       `json:"id"`
	Kind      RecoveryKind `json:"kind"`
	Stage     Stage        `json:"stage"`
	Reason    string       `json:"reason"`
	By        string       `json:"by,omitempty"`
	Old       string       `json:"old"`
	Ordered   string       `json:"ordered,omitempty"` // the candidate an operator named
	Candidate string       `json:"candidate,omitempty"`
	// Proven is what ackers held when their receivers were read back as stopped while they counted:
	// an acker that still holds it counts again after a restart.
	Proven map[string]gtid.Set `json:"proven,omitempty"`
	// Fencing tells that the old primary was asked, in any attempt, to become read-only, which no person had made it.
	Fencing bool `json:"fencing,omitempty"`
	// Prepared are the candidates, also of earlier attempts, whose channel was or may be removed.
	Prepared  []string `json:"prepared,omitempty"`
	Target    gtid.Set `json:"target"` // what the candidate must have executed before it opens
	Tail      gtid.Set `json:"tail"`   // what servers elsewhere hold beyond Target, fetched within the budget
	TailFrom  []string `json:"tail_from,omitempty"`
	Donors    []string `json:"donors,omitempty"`
	Ackers    []string `json:"ackers,omitempty"` // A of the new epoch
	WaitCount int      `json:"wait_count"`       // W of the new epoch
	// Groups are the acker sets whose acknowledgements must be revoked: the old primary's, and
	// that of every candidate whose opening was begun.
	Groups  []AckGroup `json:"groups,omitempty"`
	Attempt int        `json:"attempt"` // numbers the passes over the stages
	// ForTails counts those that were begun to collect what returning servers hold.
	ForTails  int              `json:"for_tails,omitempty"`
	Verdicts  []policy.Verdict `json:"candidates,omitempty"`
	Evidence  []Evidence       `json:"evidence,omitempty"`
	Steps     []Step           `json:"steps,omitempty"`
	StartedAt time.Time        `json:"started_at"`
	// StageAt is when the stage began, on the clock of the leader of Term.
	StageAt time.Time `json:"stage_at"`
	Term    uint64    `json:"term"`
	// Seen is what the old primary was last seen to have executed, under async durability; nil when unknown.
	Seen *gtid.Set `json:"seen,omitempty"`
	// Loss is the estimate for async durability, -1 when unknown; 0 under semi_sync.
	Loss int64 `json:"lost_estimate"`
	// Stated is the word of a person that the old primary is powered off, nil where nobody gave it.
	Stated *Evidence `json:"stated,omitempty"`
	// Lapsing tells that nothing but the lapse of the old primary's lease proves that it writes no more.
	Lapsing bool `json:"lapsing,omitempty"`
	// Lapse is the wait for that, or for the lease of a later writer; kept while the candidate that was
	// chosen after it must stay on the connection of its claim.
	Lapse *LapseWait `json:"lapse,omitempty"`
}

// AckGroup is the acker set of one writer.
type AckGroup struct {
	Writer string   `json:"writer"`
	Ackers []string `json:"ackers"`
	Wait   int      `json:"wait"`
	// Free tells that commits on the writer may have waited for nobody: no revoked acknowledgement
	// proves anything about it.
	Free bool `json:"free,omitempty"`
}

// StepState is the state of a step.
type StepState string

// Step states.
const (
	StepPending StepState = "pending" // intended and committed, outcome not known
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
)

// Step is one action of a recovery on one server, recorded before and after.
type Step struct {
	Name      ActionKind `json:"name"`
	Server    string     `json:"server"`
	Attempt   int        `json:"attempt"`
	State     StepState  `json:"state"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   time.Time  `json:"ended_at,omitzero"`
	By        string     `json:"by,omitempty"` // the node that took it
	Error     string     `json:"error,omitempty"`
	Tries     int        `json:"tries,omitempty"`
	// Executed and Received are what the server held right after a revoke, read with the
	// receiver stopped; Boot is the boot they were read in.
	Executed gtid.Set      `json:"executed,omitzero"`
	Received gtid.Set      `json:"received,omitzero"`
	Boot     topology.Boot `json:"boot,omitzero"`
	// Session is the connection that the step was done on.
	Session string `json:"session,omitempty"`
	// Fenced tells that the server, a writer before, was read back as read-only with the sets.
	Fenced bool `json:"fenced,omitempty"`
	// Counts tells that the server's sets may prove an acknowledgement (member of T).
	Counts bool   `json:"counts,omitempty"`
	Why    string `json:"why,omitempty"` // why it does not count
}

// DivergenceState is the state of a report.
type DivergenceState string

// Report states.
const (
	DivergenceCapturing DivergenceState = "capturing"
	DivergenceComparing DivergenceState = "comparing"
	DivergenceOpen      DivergenceState = "open"
	DivergenceSettled   DivergenceState = "settled"
	DivergenceFailed    DivergenceState = "failed"
)

// Divergence is the index entry of one report: every server that holds extras since one change of
// primary, and their union.
type Divergence struct {
	ID        string              `json:"id"`
	State     DivergenceState     `json:"state"`
	Epoch     uint64              `json:"epoch"` // of the primary they are compared with
	OldServer string              `json:"old_server"`
	NewServer string              `json:"new_server"`
	Extras    map[string]gtid.Set `json:"extras"` // by server
	Captured  gtid.Set            `json:"captured"`
	CreatedAt time.Time           `json:"created_at"`
	// Node is the node that has the files and works on them. Files counts their changes, the last one at FilesAt, and
	// Copies are the other nodes that hold them, or did.
	Node    string    `json:"node,omitempty"`
	Files   uint64    `json:"files,omitempty"`
	FilesAt time.Time `json:"files_at,omitzero"`
	Copies  []Copy    `json:"copies,omitempty"`
	// SettledAt is when somebody settled it, and Removed tells that its files are gone since. The rest comes from the
	// report and from people.
	SettledAt    time.Time      `json:"settled_at,omitzero"`
	Removed      bool           `json:"removed,omitempty"`
	Complete     bool           `json:"complete"`
	Transactions int            `json:"transactions"`
	Undecodable  int            `json:"undecodable"`
	ByClass      map[string]int `json:"by_class,omitempty"`
	From         time.Time      `json:"from,omitzero"`
	To           time.Time      `json:"to,omitzero"`
	Error        string         `json:"error,omitempty"`
	Tries        int            `json:"tries,omitempty"`
	RetryAt      time.Time      `json:"retry_at,omitzero"`
	// Job is the replay or rewind that is ordered and not over.
	Job *Job `json:"job,omitempty"`
	// Tally is what was decided about the transactions, nil before anything was.
	Tally *Tally `json:"tally,omitempty"`
	Acked string `json:"acknowledged_by,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Union is everything the servers of the divergence hold that the primary lacks.
func (d *Divergence) Union() gtid.Set {
	var u gtid.Set
	for _, s := range d.Extras {
		u = u.Union(s)
	}
	return u
}
