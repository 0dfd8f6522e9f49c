package trial

import (
	"fmt"
	"strings"
)

// MatrixTable is the page about the matrix, from the results of its cells in the given order.
func MatrixTable(results []CellResult, version, storage string) string {
	unsafe := 0
	for i := range results {
		if !results[i].Safe() {
			unsafe++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# The partition matrix

Written by %[1]smake matrix%[1]s; do not edit it. Each cell is a run of real servers (MySQL %[2]s, data on %[3]s) in the lab: two regions, five
servers, three nodes, semi-sync with one acknowledgement, the default policy. %[4]d cells, %[5]d of them unsafe.

A cell is **safe** when no acknowledged write is missing and nothing is there that nobody wrote, at any time one server
acknowledged, it was one of the home region, settings were as before wherever no recovery was begun, and all
servers were equal again afterwards. The writers' ledger and the servers say so, not regent.

**Outage** is the longest time without an acknowledgement from the fault, or from the death of the primary before it, until the cluster was ok again, so it
counts what the fault itself makes impossible; nobody writes in idle cells. **Writes** says whether any were acknowledged when the fault ended, and if not why, in the cluster's own
words. Faults hit the primary, or in the middle of a failover the candidate; where one of a pair already silences that server the other
hits the next replica. A site cut takes the primary's site, in which the leader lies too.

| fault | while | hit | outcome | writes | outage | ok after heal | safe |
| --- | --- | --- | --- | --- | --- | --- | --- |
`, "`", version, storage, len(results), unsafe)
	for i := range results {
		b.WriteString(results[i].row())
	}
	return b.String()
}

func (r *CellResult) row() string {
	fault, phase, _ := cutLast(r.Cell, ", ")
	writes, outage := "yes", r.Outage.String()
	switch {
	case phase == string(Idle):
		writes, outage = "–", "–"
	case !r.Available:
		writes = "no: " + r.Why
	}
	safe := "yes"
	if !r.Safe() {
		safe = "**NO**: " + strings.Join(r.Broken, "; ")
	}
	columns := []string{fault, phase, strings.Join(r.Hits, ", "), r.Outcome, writes, outage, r.OKAfter.String(), safe}
	for i, c := range columns {
		columns[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(c)
	}
	return "| " + strings.Join(columns, " | ") + " |\n"
}

// cutLast cuts around the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}
