package policy

import (
	"fmt"
	"strings"
)

// Reconcile are the rules by which what only an old primary has is compared with a new one.
type Reconcile struct {
	Tables []TableRule `json:"tables,omitempty" yaml:"tables"`
}

// TableRule is what regent cannot know about a table by itself.
type TableRule struct {
	// Table is "schema.table", in the spelling of the server.
	Table string `json:"table" yaml:"table"`
	// Volatile names columns that differ when a user does the same thing again, such as the time of the change.
	Volatile []string `json:"volatile,omitempty" yaml:"volatile"`
	// Mergeable lets updates of one row that changed different columns on the two sides be listed as mergeable,
	// not as a conflict.
	Mergeable bool `json:"mergeable,omitempty" yaml:"mergeable"`
	// Harmless names columns whose values every reader of a report may see, keys among them; all others are hashes.
	Harmless []string `json:"harmless,omitempty" yaml:"harmless"`
}

// Name returns the schema and the table, which the first dot parts; false where there are none.
func (r TableRule) Name() (schema, table string, ok bool) {
	schema, table, ok = strings.Cut(r.Table, ".")
	return schema, table, ok && schema != "" && table != ""
}

// reconcile checks the rules for tables. Whether a table or column exists is for the comparison to say.
func (v *validation) reconcile(path string, r Reconcile) {
	seen := map[string]bool{}
	for i, rule := range r.Tables {
		at := fmt.Sprintf("%s.tables[%d]", path, i)
		_, _, named := rule.Name()
		v.check(named, at+".table", "table %q is not schema.table, such as shop.orders", rule.Table)
		v.check(!seen[rule.Table], at+".table", "table %q has a rule already; put both into one", rule.Table)
		seen[rule.Table] = true
		v.check(len(rule.Volatile)+len(rule.Harmless) > 0 || rule.Mergeable, at,
			"the rule for %q says nothing; name its volatile or harmless columns, or say mergeable: true", rule.Table)
		v.columns(at+".volatile", rule.Table, rule.Volatile)
		v.columns(at+".harmless", rule.Table, rule.Harmless)
	}
}

func (v *validation) columns(path, table string, columns []string) {
	seen := map[string]bool{}
	for i, column := range columns {
		at, name := fmt.Sprintf("%s[%d]", path, i), strings.ToLower(column)
		v.check(name != "", at, "a column of %q has no name", table)
		v.check(!seen[name], at, "column %q of %q is listed twice", column, table)
		seen[name] = true
	}
}
