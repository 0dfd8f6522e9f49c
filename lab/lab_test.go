package lab_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/lab"
	"github.com/regentdb/regent/lab/daemon"
	"github.com/regentdb/regent/lab/mysqld"
	"github.com/regentdb/regent/lab/workload"
	"github.com/regentdb/regent/policy"
)

// TestMain lets the test binary stand in for regent where the lab runs it.
func TestMain(m *testing.M) {
	if len(os.Args) < 5 || os.Args[1] != "lab" {
		os.Exit(m.Run())
	}
	if err := actAsRegent(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func actAsRegent(arguments []string) error {
	verb, dir := arguments[0], arguments[2]
	switch verb {
	case "supervise":
		return lab.Supervise(context.Background(), dir, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	case "write":
		client, err := lab.Open(context.Background(), dir)
		if err != nil {
			return err
		}
		summary, err := client.WriteInside(context.Background(), arguments[4])
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(summary))
	default:
		return fmt.Errorf("unexpected verb %s", verb)
	}
}

// start makes a lab of the default servers that ends with the test.
func start(t *testing.T) *lab.Client {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "lab")
	client, err := lab.Start(t.Context(), lab.Options{
		Dir: dir, NoNodes: true, Exe: exe, MySQL: mysqld.FromEnvironment(os.Stderr), Progress: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Down(context.WithoutCancel(t.Context()), dir); err != nil {
			t.Error(err)
		}
	})
	return client
}

func status(t *testing.T, client *lab.Client) lab.Status {
	t.Helper()
	s, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open connects to a server of the lab from the host.
func open(t *testing.T, client *lab.Client, name string) *sql.DB {
	t.Helper()
	db, err := client.OpenServer(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// within asks until the answer is nil, for a minute at most.
func within(t *testing.T, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		reason := ask()
		if reason == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(reason)
		case <-ticker.C:
		}
	}
}

func executed(t *testing.T, db *sql.DB) string {
	t.Helper()
	var gtids string
	if err := db.QueryRowContext(t.Context(), "SELECT @@global.gtid_executed").Scan(&gtids); err != nil {
		t.Fatal(err)
	}
	return gtids
}

// run runs a command inside a region and answers its output and exit code.
func run(t *testing.T, client *lab.Client, region string, argv ...string) (string, int) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	code, err := client.Exec(t.Context(), lab.Command{Region: region, Argv: argv, Stdin: os.Stdin, Stdout: out, Stderr: out})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), code
}

func TestLab(t *testing.T) {
	t.Parallel()
	client := start(t)
	t.Run("writes replicate and agree with the ledger", func(t *testing.T) { writesReplicate(t, client) })
	t.Run("a cut stops replication and a heal resumes it", func(t *testing.T) { cutAndHeal(t, client) })
	t.Run("sites, one way and single servers are cut and slowed", func(t *testing.T) { singleFaults(t, client) })
	t.Run("commands run inside regions", func(t *testing.T) { commandsRunInside(t, client) })
	t.Run("members are killed, paused and started", func(t *testing.T) { membersObey(t, client) })
	t.Run("a clone restarts its server", func(t *testing.T) { cloneRestarts(t, client) })
	t.Run("a second lab is refused", func(t *testing.T) { secondIsRefused(t, client) })
	t.Run("down works after a crash of the supervisor", func(t *testing.T) { downAfterCrash(t, client) })
}

func writesReplicate(t *testing.T, client *lab.Client) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options := lab.DefaultWrite()
	options.From, options.Kind, options.Duration = "east", workload.Mixed, 2*time.Second
	options.Ledger = filepath.Join(t.TempDir(), "ledger.ndjson")
	summary, err := client.Write(t.Context(), exe, options)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Acknowledged == 0 || summary.ByServer["east-db1"] != summary.Acknowledged {
		t.Errorf("summary %+v", summary)
	}
	s := status(t, client)
	written := executed(t, open(t, client, "east-db1"))
	for _, server := range s.Servers {
		db := open(t, client, server.Name)
		within(t, func() error { return same(executed(t, db), written) })
		v, err := client.Verify(t.Context(), server.Name, options.Ledger)
		if err != nil {
			t.Fatal(err)
		}
		if v.Attempts != summary.Attempted || v.Rows == 0 || len(v.Findings) > 0 {
			t.Errorf("%d attempts in the ledger of %d, and %+v", v.Attempts, summary.Attempted, v)
		}
	}
}

func same(got, want string) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("transactions (-want +got):\n%s", diff)
	}
	return nil
}

func cutAndHeal(t *testing.T, client *lab.Client) {
	east, west, near := open(t, client, "east-db1"), open(t, client, "west-db1"), open(t, client, "east-db2")
	if err := client.Cut(t.Context(), lab.CutRequest{Target: "east"}); err != nil {
		t.Fatal(err)
	}
	if _, err := east.ExecContext(t.Context(), "CREATE DATABASE during_cut"); err != nil {
		t.Fatal(err)
	}
	within(t, func() error { return same(executed(t, near), executed(t, east)) })
	if executed(t, west) == executed(t, east) {
		t.Error("the west has what was written behind the cut")
	}
	if cuts := status(t, client).Cuts; len(cuts) != 1 {
		t.Errorf("cuts %v", cuts)
	}
	if healed, err := client.Heal(t.Context(), lab.CutRequest{Target: "east"}); err != nil || healed != 1 {
		t.Fatalf("%d healed, %v", healed, err)
	}
	within(t, func() error { return same(executed(t, west), executed(t, east)) })
	if _, err := client.Heal(t.Context(), lab.CutRequest{Target: "east"}); !errors.Is(err, lab.ErrUnknown) {
		t.Errorf("healing no cut gave %v", err)
	}
}

// singleFaults looks at each fault from the applications of a region, whose connection to a server tells.
func singleFaults(t *testing.T, client *lab.Client) {
	s := status(t, client)
	reaches := func(region, address string) bool {
		_, code := run(t, client, region, s.MySQL.Client, "--connect-timeout=1", "-h"+address, "-u"+s.MySQL.AppUser, "-p"+s.MySQL.AppPassword, "-Nse", "SELECT 1")
		return code == 0
	}
	east1, east2 := "10.1.0.11", "10.1.0.12"
	for _, c := range []struct {
		name           string
		request        lab.CutRequest
		first, second  bool
		secondFromWest bool
	}{
		{"a site", lab.CutRequest{Target: "east-a"}, false, true, true},
		{"one way", lab.CutRequest{Target: "east-db1", OneWay: true}, false, true, true},
		{"a server from a region", lab.CutRequest{Target: "east-db2", From: "west"}, true, true, false},
	} {
		if err := client.Cut(t.Context(), c.request); err != nil {
			t.Fatal(err)
		}
		if got := reaches("east", east1); got != c.first {
			t.Errorf("%s: east-db1 is reached: %t", c.name, got)
		}
		if got := reaches("east", east2); got != c.second {
			t.Errorf("%s: east-db2 is reached: %t", c.name, got)
		}
		if got := reaches("west", east2); got != c.secondFromWest {
			t.Errorf("%s: east-db2 is reached from west: %t", c.name, got)
		}
		if _, err := client.Heal(t.Context(), c.request); err != nil {
			t.Fatal(err)
		}
	}
	slow := lab.LinkRequest{A: "east-db3", Delay: 20 * time.Millisecond}
	if err := errors.Join(client.Delay(t.Context(), slow), client.Loss(t.Context(), lab.LinkRequest{A: "east-db3", Loss: 0.5})); err != nil {
		t.Fatal(err)
	}
	want := lab.Link{A: "east-db3", Delay: policy.Duration(20 * time.Millisecond), Loss: 0.5}
	if links := status(t, client).Links; !slices.Contains(links, want) {
		t.Errorf("links %v", links)
	}
	whole := lab.LinkRequest{A: "east-db3"}
	if err := errors.Join(client.Delay(t.Context(), whole), client.Loss(t.Context(), whole)); err != nil {
		t.Fatal(err)
	}
	if err := client.Delay(t.Context(), lab.LinkRequest{A: "east-db9", Delay: time.Second}); !errors.Is(err, lab.ErrUnknown) {
		t.Errorf("a delay of nothing: %v", err)
	}
	if err := client.Trap(t.Context(), lab.TrapRequest{Node: "east-1", Trap: "note"}); !errors.Is(err, lab.ErrUnknown) {
		t.Errorf("a trap in a lab without nodes: %v", err)
	}
}

func commandsRunInside(t *testing.T, client *lab.Client) {
	s := status(t, client)
	out, code := run(t, client, "west", s.MySQL.Client, "-h10.1.0.11", "-u"+s.MySQL.AppUser, "-p"+s.MySQL.AppPassword,
		"-Nse", "SELECT SUBSTRING_INDEX(USER(), '@', -1)")
	if code != 0 || !strings.HasSuffix(strings.TrimSpace(out), "10.2.2.10") {
		t.Errorf("the client inside the west ended with %d: %s", code, out)
	}
	if _, code := run(t, client, "east", "sh", "-c", "exit 7"); code != 7 {
		t.Errorf("exit code %d instead of 7", code)
	}
	if _, code := run(t, client, "east", "sh", "-c", "kill -9 $$"); code != 128+9 {
		t.Errorf("exit code %d of a killed command", code)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	code, err := client.Exec(ctx, lab.Command{
		Region: "east", Argv: []string{"sleep", "1000"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil || code != 128+15 {
		t.Errorf("an interrupted command ended with %d, %v", code, err)
	}
	_, err = client.Exec(t.Context(), lab.Command{
		Region: "north", Argv: []string{"true"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if !errors.Is(err, lab.ErrUnknown) {
		t.Errorf("a command in an unknown region gave %v", err)
	}
}

func membersObey(t *testing.T, client *lab.Client) {
	state := func() daemon.State { return status(t, client).Servers[2].State }
	steps := []struct {
		do   func(context.Context, string) error
		want daemon.State
	}{
		{client.Pause, daemon.Paused},
		{client.Resume, daemon.Running},
		{client.Kill, daemon.Down},
		{client.Kill, daemon.Down},
		{client.Start, daemon.Running},
		{client.Stop, daemon.Down},
		{client.Stop, daemon.Down},
		{client.Start, daemon.Running},
	}
	for i, step := range steps {
		if err := step.do(t.Context(), "east-db3"); err != nil {
			t.Fatal(err)
		}
		if got := state(); got != step.want {
			t.Errorf("step %d: %s instead of %s", i, got, step.want)
		}
	}
	if err := client.Kill(t.Context(), "east-db9"); !errors.Is(err, lab.ErrUnknown) {
		t.Errorf("killing an unknown server gave %v", err)
	}
}

func cloneRestarts(t *testing.T, client *lab.Client) {
	s := status(t, client)
	before := s.Servers[4].PID
	db := open(t, client, "west-db2")
	for _, statement := range []string{
		"STOP REPLICA", "SET GLOBAL super_read_only = OFF", "SET GLOBAL clone_valid_donor_list = '10.1.0.11:3306'",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	// The restart at the end of a clone cuts this connection.
	clone := fmt.Sprintf("CLONE INSTANCE FROM '%s'@'10.1.0.11':3306 IDENTIFIED BY '%s'", s.MySQL.AdminUser, s.MySQL.AdminPassword)
	if _, err := db.ExecContext(t.Context(), clone); err != nil && !errors.Is(err, mysql.ErrInvalidConn) {
		t.Logf("the connection of the clone ended with %v", err)
	}
	within(t, func() error {
		if now := status(t, client).Servers[4]; now.PID == before || now.PID == 0 {
			return fmt.Errorf("west-db2 is %s with process %d", now.State, now.PID)
		}
		var state string
		err := db.QueryRowContext(t.Context(), "SELECT state FROM performance_schema.clone_status").Scan(&state)
		if err == nil && state != "Completed" {
			err = fmt.Errorf("the clone is %s", state)
		}
		return err
	})
}

func secondIsRefused(t *testing.T, client *lab.Client) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = lab.Start(t.Context(), lab.Options{Dir: client.Dir(), NoNodes: true, Exe: exe})
	if !errors.Is(err, lab.ErrRunning) {
		t.Errorf("a second lab in the same directory gave %v", err)
	}
}
