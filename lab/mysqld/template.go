package mysqld

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Template is an initialized data directory with accounts and plugins, and an
// empty GTID set, from which servers are copied.
type Template struct {
	// Directory holds the data directory and the accounts.
	Directory string
	// Accounts are those of every copy.
	Accounts Accounts
}

// Prepare answers the template for an installation, making it when there is
// none for its version yet. That takes about seven seconds, once.
func Prepare(ctx context.Context, in *Installation, options Options) (*Template, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	directory := filepath.Join(options.Cache, "template-"+in.Version.String()+"-"+recipe(in))
	if t, err := openTemplate(directory); err == nil {
		return t, nil
	}
	unlock, err := lockCache(ctx, options)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if t, err := openTemplate(directory); err == nil {
		return t, nil
	}
	removeLeftovers(options)
	options.say("initializing a data directory for MySQL %s", in.Version)
	if err := makeTemplate(ctx, in, options, directory); err != nil {
		return nil, err
	}
	return openTemplate(directory)
}

// recipe tells templates apart that were made differently, so that a change to
// the accounts, the flags or the server makes a new one.
func recipe(in *Installation) string {
	parts := append(Accounts{}.statements(), commonFlags("")...)
	parts = append(append(parts, replicationFlags()...), in.server...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:4])
}

func openTemplate(directory string) (*Template, error) {
	accounts, err := loadAccounts(directory)
	if err != nil {
		return nil, err
	}
	return &Template{Directory: directory, Accounts: accounts}, nil
}

// makeTemplate initializes a data directory, boots it once for the accounts
// and shuts it down cleanly, so that copies need no recovery.
func makeTemplate(ctx context.Context, in *Installation, options Options, place string) error {
	staging, err := os.MkdirTemp(options.Cache, "template.new-")
	if err != nil {
		return fmt.Errorf("mysqld: make a template: %w", err)
	}
	defer func() { _ = os.RemoveAll(staging) }()
	// The path of a socket may have 107 characters, and the cache's may be long.
	sockets, err := os.MkdirTemp("", "regent-")
	if err != nil {
		return fmt.Errorf("mysqld: make a template: %w", err)
	}
	defer func() { _ = os.RemoveAll(sockets) }()
	spec := Spec{
		Name: "template", Dir: staging, Socket: filepath.Join(sockets, "s"), ID: 1,
		Address: netip.MustParseAddrPort("127.0.0.1:3306"),
	}
	if err := initialize(ctx, in, spec); err != nil {
		return err
	}
	accounts := newAccounts()
	if err := furnish(ctx, in, spec, accounts); err != nil {
		return err
	}
	if err := accounts.save(staging); err != nil {
		return err
	}
	return replaceDirectory(staging, place)
}

// initialize creates the system tables below the spec's directory.
func initialize(ctx context.Context, in *Installation, spec Spec) error {
	if err := spec.writeDefaults(); err != nil {
		return err
	}
	arguments := append(commonFlags(spec.data()), "--initialize-insecure", "--innodb-redo-log-capacity=64M")
	if _, err := output(ctx, in.ServerCommand(spec.defaults(), arguments...)); err != nil {
		return fmt.Errorf("mysqld: initialize a data directory: %w", err)
	}
	return nil
}

// furnish boots the new data directory without a network, creates the accounts
// and plugins, and shuts the server down.
func furnish(ctx context.Context, in *Installation, spec Spec, accounts Accounts) error {
	server := NewServer(in, Account{User: accounts.Admin.User}, spec, Hooks{})
	server.extra = []string{"--skip-networking"}
	if err := server.Start(ctx); err != nil {
		return err
	}
	defer server.Close()
	db, err := server.Open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, statement := range accounts.statements() {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("mysqld: furnish the template: %w", err)
		}
	}
	if err := server.Stop(ctx); err != nil {
		return err
	}
	// Every copy makes up a server UUID of its own when this file is missing.
	if err := os.Remove(filepath.Join(spec.data(), "auto.cnf")); err != nil {
		return fmt.Errorf("mysqld: furnish the template: %w", err)
	}
	return nil
}
