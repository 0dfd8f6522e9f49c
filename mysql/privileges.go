package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Privileges is what the accounts of a server may do, as far as regent depends on it.
type Privileges struct {
	// Missing are the privileges that regent's own account needs and lacks.
	Missing []string
	// MissingForGuard are those that it needs besides where the in-server guard is on.
	MissingForGuard []string
	// Unfenced are the other accounts that read_only and offline_mode do not stop.
	Unfenced []string
}

// required are the privileges of regent's account: reading, fencing, promoting, re-pointing,
// cloning, and connecting to a server in offline_mode.
func required() []string {
	return []string{
		"BACKUP_ADMIN", "CLONE_ADMIN", "CONNECTION_ADMIN", "PERSIST_RO_VARIABLES_ADMIN", "PROCESS", "RELOAD",
		"REPLICATION CLIENT", "REPLICATION SLAVE", "REPLICATION_SLAVE_ADMIN", "SELECT", "SYSTEM_USER", "SYSTEM_VARIABLES_ADMIN",
	}
}

// requiredForGuard are the privileges that regent's account needs on the guard's schema.
func requiredForGuard() []string {
	return []string{"CREATE", "DELETE", "DROP", "EVENT", "INSERT", "SELECT", "UPDATE"}
}

// Privileges reads what a preflight has to know about accounts, on a connection of its own.
func (s *Server) Privileges(ctx context.Context) (Privileges, error) {
	l, err := s.open(ctx, s.attributes("preflight", 0))
	if err != nil {
		return Privileges{}, err
	}
	defer l.close()
	own := "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
	b := (&batch{}).query("own", "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = "+own).
		query("unfenced", `SELECT DISTINCT grantee FROM information_schema.user_privileges WHERE privilege_type IN ('SUPER', 'CONNECTION_ADMIN')
			AND grantee <> `+own+` AND grantee NOT LIKE '''mysql.%' ORDER BY grantee`)
	b.query("guard", "SELECT privilege_type FROM information_schema.schema_privileges WHERE table_schema IN ('"+guardSchema+
		`', '`+strings.ReplaceAll(guardSchema, "_", `\\_`)+"') AND grantee = "+own)
	got, err := l.run(ctx, b)
	if err != nil {
		return Privileges{}, fmt.Errorf("mysql: %s: read privileges: %w", s.name, err)
	}
	held := got["own"].column()
	p := Privileges{Unfenced: got["unfenced"].column()}
	for _, r := range required() {
		if !slices.Contains(held, r) && !slices.Contains(held, "SUPER") {
			p.Missing = append(p.Missing, r)
		}
	}
	held = append(held, got["guard"].column()...)
	for _, r := range requiredForGuard() {
		if !slices.Contains(held, r) {
			p.MissingForGuard = append(p.MissingForGuard, r)
		}
	}
	return p, nil
}
