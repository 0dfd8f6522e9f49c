package mysqld

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Account is a user name that may connect from anywhere, and its password.
type Account struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// Accounts are those of every server that is made from a template.
type Accounts struct {
	// Admin may do everything; people and tests look at servers with it.
	Admin Account `json:"admin"`
	// Controller is what regent uses.
	Controller Account `json:"controller"`
	// Replication is what replicas and clones use against their source.
	Replication Account `json:"replication"`
	// Application may create databases and write to them, and has neither
	// SUPER nor CONNECTION_ADMIN, so that fencing stops it.
	Application Account `json:"application"`
}

// newAccounts makes accounts with random passwords.
func newAccounts() Accounts {
	return Accounts{
		Admin:       Account{User: "root", Password: rand.Text()},
		Controller:  Account{User: "regent", Password: rand.Text()},
		Replication: Account{User: "repl", Password: rand.Text()},
		Application: Account{User: "app_user", Password: rand.Text()},
	}
}

// statements create the accounts and install the plugins on a server that was
// just initialized, as its passwordless root. They end with an empty binlog, so
// that every copy starts with an empty GTID set.
func (a Accounts) statements() []string {
	create := func(account Account, grants string) []string {
		return []string{
			fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", account.User, account.Password),
			fmt.Sprintf("GRANT %s ON *.* TO '%s'@'%%'", grants, account.User),
		}
	}
	var all []string
	all = append(all, create(a.Controller, controllerGrants)...)
	all = append(all, create(a.Replication, replicationGrants)...)
	all = append(all, create(a.Application, applicationGrants)...)
	return append(
		all,
		"INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
		"INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'",
		"INSTALL PLUGIN clone SONAME 'mysql_clone.so'",
		fmt.Sprintf("ALTER USER 'root'@'localhost' IDENTIFIED BY '%s'", a.Admin.Password),
		"RENAME USER 'root'@'localhost' TO 'root'@'%'",
		"RESET BINARY LOGS AND GTIDS",
	)
}

const (
	// controllerGrants cover observing, fencing, promoting, re-pointing,
	// cloning and replaying. They hold no SUPER: each power is granted by name.
	// Without TRIGGER the triggers of a table cannot be seen, and no row of it can be called safe.
	controllerGrants = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, TRIGGER, EVENT, LOCK TABLES, " +
		"RELOAD, SHUTDOWN, PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, " +
		"SYSTEM_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, " +
		"REPLICATION_SLAVE_ADMIN, REPLICATION_APPLIER, BINLOG_ADMIN, CLONE_ADMIN, BACKUP_ADMIN, " +
		"CONNECTION_ADMIN, SERVICE_CONNECTION_ADMIN, SYSTEM_USER"
	// replicationGrants include BACKUP_ADMIN, which CLONE asks of the donor's account.
	replicationGrants = "REPLICATION SLAVE, BACKUP_ADMIN"
	applicationGrants = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, TRIGGER, EVENT, " +
		"CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, LOCK TABLES, CREATE TEMPORARY TABLES"
)

const accountsFile = "accounts.json"

func (a Accounts) save(directory string) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(directory, accountsFile), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("mysqld: keep the accounts of a template: %w", err)
	}
	return nil
}

func loadAccounts(directory string) (Accounts, error) {
	var a Accounts
	text, err := os.ReadFile(filepath.Join(directory, accountsFile))
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return Accounts{}, fmt.Errorf("mysqld: accounts of a template: %w", err)
	}
	return a, nil
}
