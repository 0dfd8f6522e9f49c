package workload

import "time"

// Table is what the workload writes to.
const Table = "app.ledger_rows"

// Op is what a statement does to its row.
type Op string

// The operations of a statement.
const (
	Create Op = "create" // the database and the table themselves; no key.
	Insert Op = "insert"
	Update Op = "update"
	Delete Op = "delete"
)

// Outcome is what the writer knows of an attempt.
type Outcome string

// The outcomes of an attempt.
const (
	// Acknowledged says that the server confirmed the commit.
	Acknowledged Outcome = "acknowledged"
	// Refused says that the server answered with an error that rules a commit out.
	Refused Outcome = "refused"
	// Unknown says that the answer never came, so that both are possible.
	Unknown Outcome = "unknown"
)

// Statement is one row change of an attempt.
type Statement struct {
	Op  Op     `json:"op"`
	Key string `json:"key,omitempty"`
	// Amount and Note are the row's new values, of an insert or update.
	Amount int64  `json:"amount,omitempty"`
	Note   string `json:"note,omitempty"`
	// Rows is how many rows the server said it changed; -1 when it did not say.
	Rows int64 `json:"rows"`
}

// Attempt is one transaction that a writer asked for: one line of the ledger.
type Attempt struct {
	ID           string      `json:"id"`
	Run          string      `json:"run"`
	Writer       int         `json:"writer"`
	Region       string      `json:"region"`
	Server       string      `json:"server"`
	Table        string      `json:"table"`
	Op           string      `json:"op"`
	Keys         []string    `json:"keys"`
	Statements   []Statement `json:"statements"`
	Acknowledged bool        `json:"acknowledged"`
	Outcome      Outcome     `json:"outcome"`
	Error        string      `json:"error,omitempty"`
	StartedAt    time.Time   `json:"started_at"`
	EndedAt      time.Time   `json:"ended_at"`
}

// describe fills in the fields that sum up the statements for readers: the
// kind of the attempt ("mixed" for several kinds) and the keys it touches.
func (a *Attempt) describe() {
	a.Table = Table
	a.Keys = []string{}
	for _, s := range a.Statements {
		switch a.Op {
		case "", string(s.Op):
			a.Op = string(s.Op)
		default:
			a.Op = "mixed"
		}
		if s.Key != "" {
			a.Keys = append(a.Keys, s.Key)
		}
	}
}

// settle records how the attempt ended.
func (a *Attempt) settle(outcome Outcome, err error, at time.Time) {
	a.Outcome = outcome
	a.Acknowledged = outcome == Acknowledged
	if err != nil {
		a.Error = err.Error()
	}
	a.EndedAt = at
}
