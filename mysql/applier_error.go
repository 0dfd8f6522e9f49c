package mysql

import (
	"regexp"
	"strings"
)

var (
	// failedRow is where the server's words go on with what was wrong with a row.
	failedRow = regexp.MustCompile(`(Could not execute \w+ event on table [^;]+); `)
	// failedBy is the storage engine's name for it, behind those words.
	failedBy = regexp.MustCompile(`.*; (handler error HA_ERR_\w+)`)
)

// withoutValues is what an applier says of the error that stopped it, without what may be values of rows: the server
// repeats them of a duplicate key, and of the text of a statement. The whole text is in performance_schema, for those
// who may read it there.
func withoutValues(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	kept, by := text, ""
	if at := failedRow.FindStringSubmatchIndex(text); at != nil {
		kept = text[:at[3]]
		if name := failedBy.FindStringSubmatch(text[at[3]:]); name != nil {
			by = "; " + name[1]
		}
	}
	for _, values := range []string{"Error '", "Duplicate entry", "Query: '"} {
		kept, _, _ = strings.Cut(kept, values)
	}
	if kept == text {
		return text
	}
	return strings.TrimRight(kept, "; ") + by + "; performance_schema.replication_applier_status_by_worker says more, values of rows included"
}
