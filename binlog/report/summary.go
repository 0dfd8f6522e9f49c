package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// State is where a report is in its life.
type State string

const (
	// Capturing copies transactions off the old servers.
	Capturing State = "capturing"
	// Comparing classifies them.
	Comparing State = "comparing"
	// Open waits for people.
	Open State = "open"
	// Settled was acknowledged.
	Settled State = "settled"
	// Failed could not be made.
	Failed State = "failed"
)

// Summary is the report as lists show it.
type Summary struct {
	ID       string `json:"id"`
	Cluster  string `json:"cluster"`
	State    State  `json:"state"`
	Complete bool   `json:"complete"`
	// Incomplete says why the report is incomplete; empty when it is complete.
	Incomplete []string       `json:"incomplete,omitempty"`
	Sentence   string         `json:"summary"`
	OldServer  string         `json:"old_server"`
	NewServer  string         `json:"new_server"`
	Servers    []ServerExtra  `json:"servers"`
	Captured   uint64         `json:"captured"`
	Listed     int            `json:"transactions"`
	Unreadable int            `json:"undecodable"`
	ByClass    map[string]int `json:"by_class"`
	Tables     []TableCount   `json:"tables"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	CreatedAt  time.Time      `json:"created_at"`
	Arithmetic Arithmetic     `json:"arithmetic"`
	// Undecoded are the first of those that could not be read in full; undecodable.ndjson has all.
	Undecoded []Undecoded `json:"undecodable_transactions,omitempty"`
	Gtids     Sets        `json:"gtid_sets"`
	// Harmless are the columns whose values are not redacted.
	Harmless []Column `json:"harmless_columns,omitempty"`
	Dir      string   `json:"-"`
}

// ServerExtra is a server with what it holds and the new primary lacks.
type ServerExtra struct {
	Server string   `json:"server"`
	Extra  gtid.Set `json:"extra_gtids"`
}

// TableCount counts the row changes of one table by class.
type TableCount struct {
	Schema  string         `json:"schema"`
	Table   string         `json:"table"`
	Rows    int            `json:"rows"`
	ByClass map[string]int `json:"by_class"`
}

// Undecoded is a transaction that was captured and could not be read in full.
type Undecoded struct {
	GTID        gtid.GTID `json:"gtid"`
	CommittedAt time.Time `json:"committed_at"`
	Reasons     []string  `json:"reasons"`
}

// Sets are the GTID sets that the comparison rests on.
type Sets struct {
	Common gtid.Set `json:"common"`
	// OldOnly is what only the old side has, NewOnly what only the new side had when the rows were read.
	OldOnly  gtid.Set `json:"old_only"`
	NewOnly  gtid.Set `json:"new_only"`
	Captured gtid.Set `json:"captured"`
}

// undecodedLimit is how many undecodable transactions a summary names.
const undecodedLimit = 100

func newSummary(in Input) Summary {
	s := Summary{
		ID: in.ID, Cluster: in.Cluster, State: Open, OldServer: in.OldServer, NewServer: in.NewServer,
		Servers: []ServerExtra{}, Captured: in.Manifest.Captured.Count(), ByClass: map[string]int{},
		Tables: []TableCount{}, CreatedAt: in.CreatedAt, Arithmetic: newArithmetic(), Harmless: in.Harmless,
		Gtids: Sets{Common: in.Common, OldOnly: in.OldOnly, NewOnly: in.NewOnly, Captured: in.Manifest.Captured},
	}
	for _, server := range in.Manifest.Servers {
		s.Servers = append(s.Servers, ServerExtra{Server: server.Server, Extra: server.Extra})
	}
	if !in.Manifest.Complete {
		s.Incomplete = append(s.Incomplete, "the capture is incomplete: "+in.Manifest.Reason)
	}
	return s
}

// count adds a transaction, listed or undecodable.
func (s *Summary) count(tx Transaction) {
	s.span(tx.CommittedAt)
	s.Arithmetic.count(tx)
	if len(tx.Undecodable) == 0 {
		s.Listed++
		s.ByClass[tx.Class.String()]++
		return
	}
	if s.Unreadable++; len(s.Undecoded) < undecodedLimit {
		s.Undecoded = append(s.Undecoded, Undecoded{GTID: tx.GTID, CommittedAt: tx.CommittedAt, Reasons: tx.Undecodable})
	}
}

// countRow adds a row change.
func (s *Summary) countRow(row Row) {
	s.Arithmetic.RowChanges++
	s.Arithmetic.RowsByClass[row.Class.String()]++
	s.table(row.Schema, row.Table, row.Class)
}

func (s *Summary) span(at time.Time) {
	if at.IsZero() {
		return
	}
	if s.From.IsZero() || at.Before(s.From) {
		s.From = at
	}
	if at.After(s.To) {
		s.To = at
	}
}

func (s *Summary) table(schema, table string, class classify.Class) {
	compare := func(t TableCount, name [2]string) int {
		return cmp.Or(cmp.Compare(t.Schema, name[0]), cmp.Compare(t.Table, name[1]))
	}
	i, found := slices.BinarySearchFunc(s.Tables, [2]string{schema, table}, compare)
	if !found {
		s.Tables = slices.Insert(s.Tables, i, TableCount{Schema: schema, Table: table, ByClass: map[string]int{}})
	}
	s.Tables[i].Rows++
	s.Tables[i].ByClass[class.String()]++
}

// conclude checks that nothing is missing and writes the sentence on top.
func (s *Summary) conclude(seen gtid.Set) {
	s.Arithmetic.conclude(s)
	accounted := uint64(s.Listed + s.Unreadable)
	if accounted != s.Captured || !seen.Equal(s.Gtids.Captured) || !s.Arithmetic.Balanced {
		s.Incomplete = append(s.Incomplete, fmt.Sprintf("captured %d transactions, but %d listed and %d undecodable",
			s.Captured, s.Listed, s.Unreadable))
	}
	if missing := s.Gtids.OldOnly.Subtract(s.Gtids.Captured); !missing.IsEmpty() {
		s.Incomplete = append(s.Incomplete, "not captured: "+missing.String())
	}
	s.Complete = len(s.Incomplete) == 0
	s.Sentence = s.sentence()
}

func (s *Summary) sentence() string {
	var person int
	for _, class := range classify.Classes() {
		if class.NeedsPerson() {
			person += s.ByClass[class.String()]
		}
	}
	text := fmt.Sprintf("%s, %s%s: %d safe, %d already repeated",
		plural(s.Listed+s.Unreadable, "transaction"), plural(len(s.Tables), "table"), s.times(),
		s.ByClass[classify.Safe.String()], s.ByClass[classify.Already.String()])
	if n := s.ByClass[classify.Noop.String()]; n > 0 {
		text += fmt.Sprintf(", %d without effect", n)
	}
	text += fmt.Sprintf(", %d need a person", person+s.Unreadable)
	if s.Unreadable > 0 {
		text += fmt.Sprintf(" (%d undecodable)", s.Unreadable)
	}
	if !s.Complete {
		return "INCOMPLETE: " + text + ". Missing: " + strings.Join(s.Incomplete, "; ")
	}
	return text
}

// times is from when to when, with the days where they are two.
func (s *Summary) times() string {
	if s.From.IsZero() {
		return ""
	}
	from, to, layout := s.From.UTC(), s.To.UTC(), time.TimeOnly
	if from.Format(time.DateOnly) != to.Format(time.DateOnly) {
		layout = time.DateTime
	}
	return fmt.Sprintf(", %s-%s UTC", from.Format(layout), to.Format(layout))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
