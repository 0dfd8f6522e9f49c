package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/mysql"
)

// reconcilability says whether a divergence of a cluster could be listed row by row today.
type reconcilability struct {
	Cluster      string `json:"cluster"`
	Reconcilable extent `json:"reconcilable"`
	// Because lists what stands in the way; what to do is with the findings.
	Because []string `json:"because"`
}

// extent is how much of a divergence could be listed row by row.
type extent string

// Extents.
const (
	extentYes     extent = "yes"
	extentPartly  extent = "partly"  // some rows would be left to a person
	extentNo      extent = "no"      // nothing could be relied on
	extentUnknown extent = "unknown" // a server could not be examined
)

// How long binary logs should be kept: a partition, its end and the report must fit in.
const (
	shortestRetention = 24 * time.Hour
	goodRetention     = 72 * time.Hour
)

// decisive are the variables of the other checks that decide it too.
func decisive(variable string) bool {
	return slices.Contains([]string{"gtid_mode", "log_bin", "binlog_format", "binlog_row_image"}, variable)
}

// toReconcile says whether a privilege is one without which nothing can be captured, or nothing be compared.
func toReconcile(privilege string) bool {
	return privilege == "REPLICATION SLAVE" || privilege == "SELECT"
}

// verdict sums up the findings about the servers of a cluster.
func verdict(cluster string, found []finding) reconcilability {
	out := reconcilability{Cluster: cluster, Reconcilable: extentYes, Because: []string{}}
	rank := []extent{extentYes, extentPartly, extentUnknown, extentNo}
	for _, f := range found {
		if f.limits == "" {
			continue
		}
		out.Because = append(out.Because, f.Object+": "+f.Finding)
		if slices.Index(rank, f.limits) > slices.Index(rank, out.Reconcilable) {
			out.Reconcilable = f.limits
		}
	}
	return out
}

// logging judges what shapes a server's binary log, and which of its rows could not be compared.
func logging(server string, l mysql.Logging) []finding {
	e := &examination{server: server}
	e.retention(l.Variables)
	limit := func(what, fix string) {
		e.add(severityWarning, what, fix)
		e.found[len(e.found)-1].limits = extentPartly
	}
	if strings.Contains(l.Variables["binlog_row_value_options"], "PARTIAL_JSON") {
		limit("binlog_row_value_options is PARTIAL_JSON: a document of which only the change is logged cannot be compared",
			"SET PERSIST binlog_row_value_options = ''")
	}
	if strings.EqualFold(l.Variables["binlog_checksum"], "NONE") {
		limit("binlog_checksum is NONE: a damaged log would not be noticed", "SET PERSIST binlog_checksum = CRC32")
	}
	if sameSetting(l.Variables["binlog_encryption"], "ON") {
		e.add(severityNote, "binlog_encryption is ON: its files cannot be read while it is down; transactions are captured from it when it runs again",
			"keep its keyring with its backups, so that it can always be started")
	}
	if n := l.Keyless.Count; n > 0 {
		limit(plural(n, "table has", "tables have")+" no primary key, so that their rows are left to a person: "+listed(l.Keyless),
			"ALTER TABLE … ADD PRIMARY KEY, or SET PERSIST sql_generate_invisible_primary_key = ON before tables are made")
	}
	if n := l.Untransactional.Count; n > 0 {
		limit(plural(n, "table is", "tables are")+" of an engine that cannot roll back, so that their rows are left to a person: "+listed(l.Untransactional),
			"ALTER TABLE … ENGINE = InnoDB")
	}
	if n := l.TriggersHidden.Count; n > 0 {
		limit("regent's account may not see the triggers of "+plural(n, "schema", "schemas")+", where no row can be called safe: "+listed(l.TriggersHidden),
			"GRANT TRIGGER ON *.* TO regent's account")
	}
	if n := l.ForeignKeysHidden.Count; n > 0 {
		limit("regent's account may not see "+plural(n, "table that has", "tables that have")+" foreign keys: no row of a table that they concern can be called safe: "+
			listed(l.ForeignKeysHidden), "GRANT SELECT ON these tables, or on *.*, TO regent's account")
	}
	if l.ForeignKeysUnknown {
		limit("regent's account may not see all foreign keys, so that no row can be called safe", "GRANT PROCESS ON *.* TO regent's account")
	}
	return e.found
}

// listed names things, and how many more there are.
func listed(t mysql.Tables) string {
	out := strings.Join(t.Names, ", ")
	if more := t.Count - len(t.Names); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// retention wants binary logs to be there when a partition has ended.
func (e *examination) retention(variables map[string]string) {
	text, known := variables["binlog_expire_logs_seconds"]
	seconds, err := strconv.ParseInt(text, 10, 64)
	if !known || err != nil || seconds == 0 || sameSetting(variables["binlog_expire_logs_auto_purge"], "OFF") {
		return
	}
	kept := time.Duration(seconds) * time.Second
	if kept >= goodRetention {
		return
	}
	grade, limits := severityWarning, extentPartly
	if kept < shortestRetention {
		grade, limits = severityError, extentNo
	}
	e.add(grade, fmt.Sprintf("binlog_expire_logs_seconds is %d: after a partition of more than %s the binary logs that tell what diverged are gone", seconds, kept),
		fmt.Sprintf("SET PERSIST binlog_expire_logs_seconds = %d, or more", int64(goodRetention.Seconds())))
	e.found[len(e.found)-1].limits = limits
}

func drawReconcilable(w io.Writer, all []reconcilability) error {
	for _, r := range all {
		what := map[extent]string{
			extentYes:     "reconcilable today: every row of a divergence could be listed and compared",
			extentPartly:  "partly reconcilable today: some rows would be left to a person",
			extentNo:      "NOT reconcilable today",
			extentUnknown: "not known to be reconcilable: not every server could be examined",
		}[r.Reconcilable]
		if n := len(r.Because); n > 0 {
			what += fmt.Sprintf(" (%s above to change)", plural(n, "finding", "findings"))
		}
		if err := printf(w, "cluster/%s: %s\n", r.Cluster, what); err != nil {
			return err
		}
	}
	return nil
}
