package mysql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Logging is what decides whether a divergence of the server could be listed row by row.
type Logging struct {
	// Variables are the global variables that shape the binary log and its life, by lower-case name. One that the
	// server does not know is missing.
	Variables map[string]string
	// Keyless are tables without a primary key, Untransactional those of engines that cannot roll back.
	Keyless, Untransactional Tables
	// TriggersHidden are the schemas whose triggers regent's account may not see.
	TriggersHidden Tables
	// ForeignKeysHidden are tables that regent's account may not see and that have foreign keys. Without the privilege
	// PROCESS nobody knows them, which ForeignKeysUnknown says, unless the account may read everything.
	ForeignKeysHidden  Tables
	ForeignKeysUnknown bool
}

// Tables counts things and names the first of them.
type Tables struct {
	Count int
	Names []string
}

// named is how many things are named.
const named = 5

// loggingVariables shape the binary log beyond those that every probe reads.
func loggingVariables() []string {
	return []string{
		"binlog_checksum", "binlog_encryption", "binlog_expire_logs_auto_purge", "binlog_expire_logs_seconds", "binlog_format",
		"binlog_row_image", "binlog_row_metadata", "binlog_row_value_options", "gtid_mode", "log_bin",
	}
}

// Logging reads it on a connection of its own. It looks at the definition of every table, which takes a while where
// there are very many.
func (s *Server) Logging(ctx context.Context) (Logging, error) {
	l, err := s.open(ctx, s.attributes("preflight", 0))
	if err != nil {
		return Logging{}, err
	}
	defer l.close()
	const tables = " FROM information_schema.tables t WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN " +
		"('mysql', 'sys', 'information_schema', 'performance_schema', '" + guardSchema + "')"
	const own = "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
	list := func(name, rest string) string {
		return fmt.Sprintf("SELECT COUNT(*) OVER () AS total, %s AS name%s%s ORDER BY 2 LIMIT %d", name, tables, rest, named)
	}
	qualified := "CONCAT(t.table_schema, '.', t.table_name)"
	b := (&batch{}).
		query("variables", "SELECT variable_name, variable_value FROM performance_schema.global_variables WHERE variable_name IN ('"+
			strings.Join(loggingVariables(), "', '")+"')").
		query("keyless", list(qualified, " AND NOT EXISTS (SELECT 1 FROM information_schema.table_constraints c WHERE c.table_schema = t.table_schema "+
			"AND c.table_name = t.table_name AND c.constraint_type = 'PRIMARY KEY')")).
		query("engines", list(qualified, " AND t.engine NOT IN (SELECT engine FROM information_schema.engines WHERE transactions = 'YES')")).
		query("hidden", "SELECT COUNT(*) OVER () AS total, table_schema AS name FROM (SELECT DISTINCT t.table_schema"+tables+
			" AND NOT EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE privilege_type IN ('TRIGGER', 'SUPER') AND grantee = "+own+")"+
			" AND NOT EXISTS (SELECT 1 FROM information_schema.schema_privileges p WHERE p.privilege_type = 'TRIGGER' AND grantee = "+own+
			" AND t.table_schema LIKE p.table_schema)) hidden ORDER BY 2 LIMIT "+strconv.Itoa(named)).
		query("reads", "SELECT privilege_type AS reads_all FROM information_schema.user_privileges WHERE privilege_type = 'SELECT' AND NOT @@GLOBAL.partial_revokes AND grantee = "+own).
		try("foreign", "SELECT COUNT(*) OVER () AS total, name FROM (SELECT DISTINCT REPLACE(f.for_name, '/', '.') AS name FROM information_schema.innodb_foreign f "+
			"WHERE NOT EXISTS (SELECT 1 FROM information_schema.referential_constraints r WHERE CONCAT(r.constraint_schema, '/', r.constraint_name) = f.id)) hidden "+
			"ORDER BY 2 LIMIT "+strconv.Itoa(named))
	got, err := l.run(ctx, b)
	if err != nil {
		return Logging{}, fmt.Errorf("mysql: %s: read what shapes its binary log: %w", s.name, err)
	}
	out := Logging{Variables: got["variables"].pairs()}
	out.ForeignKeysUnknown = got["foreign"].refused != nil && len(got["reads"].rows) == 0
	for name, into := range map[string]*Tables{
		"keyless": &out.Keyless, "engines": &out.Untransactional, "hidden": &out.TriggersHidden, "foreign": &out.ForeignKeysHidden,
	} {
		if *into, err = tablesOf(got[name]); err != nil {
			return Logging{}, fmt.Errorf("mysql: %s: count tables: %w", s.name, err)
		}
	}
	return out, nil
}

func tablesOf(t table) (out Tables, err error) {
	for _, row := range t.rows {
		if out.Count, err = strconv.Atoi(row[0]); err != nil {
			return out, err
		}
		out.Names = append(out.Names, row[1])
	}
	return out, nil
}
