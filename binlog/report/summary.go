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
	Undecoded  []Undecoded    `json:"undecodable_transactions,omitempty"`
	Gtids      Sets           `json:"gtid_sets"`
	Dir        string         `json:"-"`
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

// count adds a listed transaction.
func (s *Summary) count(tx Transaction) {
	s.Listed++
	s.ByClass[tx.Class.String()]++
	s.span(tx.CommittedAt)
	for _, row := range tx.Rows {
		s.table(row.Schema, row.Table, row.Class)
	}
}

// skip adds a transaction that could not be read.
func (s *Summary) skip(tx classify.Transaction) {
	s.Unreadable++
	s.span(tx.CommittedAt)
	s.Undecoded = append(s.Undecoded, Undecoded{GTID: tx.GTID, CommittedAt: tx.CommittedAt, Reasons: tx.Undecodable})
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
	if accounted := uint64(s.Listed + s.Unreadable); accounted != s.Captured || !seen.Equal(s.Gtids.Captured) {
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
	text := fmt.Sprintf("%s, %s, %s-%s UTC: %d safe, %d already repeated",
		plural(s.Listed+s.Unreadable, "transaction"), plural(len(s.Tables), "table"),
		s.From.UTC().Format(time.TimeOnly), s.To.UTC().Format(time.TimeOnly),
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

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
