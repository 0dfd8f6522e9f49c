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
		v.check(len(rule.Volatile) > 0 || rule.Mergeable, at, "the rule for %q says nothing; name its volatile columns, or say mergeable: true", rule.Table)
		v.columns(at+".volatile", rule)
	}
}

func (v *validation) columns(path string, rule TableRule) {
	seen := map[string]bool{}
	for i, column := range rule.Volatile {
		at, name := fmt.Sprintf("%s[%d]", path, i), strings.ToLower(column)
		v.check(name != "", at, "a volatile column of %q has no name", rule.Table)
		v.check(!seen[name], at, "column %q of %q is listed twice", column, rule.Table)
		seen[name] = true
	}
}
