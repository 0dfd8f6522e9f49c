package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/classify"
)

// Arithmetic accounts for every captured transaction: captured = listed + undecodable, each sum by its parts. The
// parts are counted apart from the sums, so that they can disagree.
type Arithmetic struct {
	// ByAcknowledged counts all captured transactions by whether a client was told of the commit: yes, no, unknown.
	ByAcknowledged map[string]int `json:"by_acknowledged"`
	// ByClassAndAcknowledged does so for the listed ones, by class.
	ByClassAndAcknowledged map[string]map[string]int `json:"by_class_and_acknowledged"`
	RowChanges             int                       `json:"row_changes"`
	RowsByClass            map[string]int            `json:"rows_by_class"`
	// Equations are the sums, written out.
	Equations []string `json:"equations"`
	// Balanced says that all of them hold.
	Balanced bool `json:"balanced"`
}

func newArithmetic() Arithmetic {
	return Arithmetic{
		ByAcknowledged:         map[string]int{toldYes: 0, toldNo: 0, toldUnknown: 0},
		ByClassAndAcknowledged: map[string]map[string]int{},
		RowsByClass:            map[string]int{},
	}
}

func (a *Arithmetic) count(tx Transaction) {
	a.ByAcknowledged[tx.Acknowledged]++
	if len(tx.Undecodable) > 0 {
		return
	}
	class := tx.Class.String()
	if a.ByClassAndAcknowledged[class] == nil {
		a.ByClassAndAcknowledged[class] = map[string]int{}
	}
	a.ByClassAndAcknowledged[class][tx.Acknowledged]++
}

// term is one part of a sum.
type term struct {
	n    int
	name string
}

func (a *Arithmetic) conclude(s *Summary) {
	a.Balanced = true
	captured := int(min(s.Captured, 1<<62)) // A captured set never counts that many.
	a.equation(captured, "captured", term{s.Listed, "listed"}, term{s.Unreadable, "undecodable"})
	a.equation(s.Listed, "listed", classTerms(s.ByClass)...)
	a.equation(captured, "captured", term{a.ByAcknowledged[toldYes], "acknowledged to a client"},
		term{a.ByAcknowledged[toldNo], "not acknowledged"}, term{a.ByAcknowledged[toldUnknown], "unknown"})
	var byTable int
	for _, t := range s.Tables {
		byTable += t.Rows
	}
	a.Balanced = a.Balanced && byTable == a.RowChanges
	a.equation(a.RowChanges, "row changes", classTerms(a.RowsByClass)...)
}

// classTerms are the classes that occur, the worst last.
func classTerms(counts map[string]int) []term {
	var out []term
	for _, class := range classify.Classes() {
		if n := counts[class.String()]; n > 0 {
			out = append(out, term{n, class.String()})
		}
	}
	return out
}

func (a *Arithmetic) equation(sum int, name string, terms ...term) {
	var parts []string
	rest := sum
	for _, t := range terms {
		rest -= t.n
		parts = append(parts, fmt.Sprintf("%d %s", t.n, t.name))
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	sign := "="
	if rest != 0 {
		sign, a.Balanced = "≠", false
	}
	a.Equations = append(slices.Clip(a.Equations), fmt.Sprintf("%d %s %s %s", sum, name, sign, strings.Join(parts, " + ")))
}
