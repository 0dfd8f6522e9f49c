//go:build integration

package mysql

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

func TestClaimsShow(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	replicate(t, all)
	source := observeOnce(t, all[0]).UUID
	s, g := lock(t, all[1], 2), all[1].Guard()
	defer g.Close()
	claimed := func(want string) {
		t.Helper()
		got, err := g.Claim(t.Context(), "orders", source)
		if err != nil || !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("claim %q, %v; want %q", got, err, want)
		}
	}
	claimed("") // though a leader holds its lock there
	if _, err := s.Claim(t.Context()); !errors.Is(err, ErrCondition) {
		t.Errorf("a claim that was not made stands: %v", err)
	}
	if _, err := s.StopReceiver(t.Context()); err != nil {
		t.Fatal(err)
	}
	claimed("a leader holds its claim")
	if _, err := s.Claim(t.Context()); err != nil {
		t.Errorf("the claim: %v", err)
	}
	all[1].do(t, "START REPLICA IO_THREAD")
	until(t, "it receives", func() bool { return observeOnce(t, all[1]).Source.Receiver == topology.ThreadOn })
	claimed("a leader holds its claim")
	if _, err := s.Claim(t.Context()); !errors.Is(err, ErrCondition) {
		t.Errorf("a claim that was interrupted stands: %v", err)
	}
	if _, err := s.StopReceiver(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	until(t, "the lock is gone", func() bool {
		got, err := g.Claim(t.Context(), "orders", source)
		return err == nil && got == "its receiver is off"
	})
	s = lock(t, all[1], 3)
	if _, err := s.StopReceiver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Follow(t.Context(), all[0].address, "", true, gtid.Set{}); err != nil {
		t.Fatal(err)
	}
	until(t, "it receives again", func() bool { return observeOnce(t, all[1]).Source.Receiver == topology.ThreadOn })
	claimed("")
	if got, err := g.Claim(t.Context(), "orders", "aaaaaaaa-0000-0000-0000-000000000001"); err != nil || !strings.Contains(got, source) {
		t.Errorf("of another source: %q, %v", got, err)
	}
	if err := all[0].process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "it only tries to connect", func() bool { return observeOnce(t, all[1]).Source.Receiver == topology.ThreadConnecting })
	claimed("")
	other, err := all[1].Lock(t.Context(), Lease{"orders", 4})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := s.Claim(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("on a connection that was killed: %v", err)
	}
}

func TestGuardedOpening(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	db.do(t, "SET GLOBAL event_scheduler = OFF")
	s := lock(t, db, 1)
	// What an earlier epoch has left: an own row that expired, and an event that would act on it.
	arm(t, s, leaseOf(3, 9), time.Second)
	f := fenced(t, s)
	target := f.Executed
	closed := func(want topology.Lease, lasts time.Duration) (*topology.Facts, error) {
		t.Helper()
		clock, err := s.Clock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.ArmClosed(t.Context(), want, clock.Add(lasts), target, 0)
	}
	beyond := target.Add(gtid.GTID{UUID: f.UUID, Seq: 1 << 40})
	if f, err := s.ArmClosed(t.Context(), leaseOf(4, 1), time.Now().Add(time.Hour), beyond, 0); !errors.Is(err, ErrCondition) || !f.ReadOnly() {
		t.Errorf("a server that lacks a part of the target was armed: %v", err)
	}
	if f, err := closed(leaseOf(2, 1), time.Hour); !errors.Is(err, ErrCondition) || !f.ReadOnly() {
		t.Errorf("armed for an epoch of before: %v, read_only %s, super_read_only %s", err, f.Variables["read_only"], f.Variables["super_read_only"])
	}
	f, err := closed(leaseOf(4, 1), 2*time.Second)
	if err != nil || f.On("super_read_only") || !f.On("read_only") {
		t.Fatalf("%v, read_only %s, super_read_only %s", err, f.Variables["read_only"], f.Variables["super_read_only"])
	}
	if _, err := s.OpenGuarded(t.Context(), leaseOf(4, 2), target, 0); !errors.Is(err, ErrCondition) {
		t.Errorf("opened with another row: %v", err)
	}
	// Nobody goes on: the guard closes by itself what was left half open.
	fenced(t, s)
	if f, err = s.OpenGuarded(t.Context(), leaseOf(4, 1), target, 0); !errors.Is(err, ErrCondition) || !f.ReadOnly() {
		t.Errorf("opened on a lease that has expired: %v", err)
	}
	if f, err = closed(leaseOf(4, 2), time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenGuarded(t.Context(), leaseOf(4, 2), target, 0); err != nil {
		t.Logf("before the first tick: %v", err)
		ticking(t, s, f)
	}
	if f, err = s.OpenGuarded(t.Context(), leaseOf(4, 2), target, 0); err != nil || !f.Writable() || f.Lease.Epoch != 4 {
		t.Fatalf("%v: %+v", err, f.Lease)
	}

	// A later epoch without a guard: what is left of this one goes before the server opens.
	if _, err := s.Fence(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if f, err = s.Open(t.Context(), target, 0); err != nil || !f.Writable() || f.Lease != nil || f.On("event_scheduler") {
		t.Errorf("%v: %+v, event_scheduler %s", err, f.Lease, f.Variables["event_scheduler"])
	}
	if got := db.scan(t, "SELECT COUNT(*) FROM information_schema.events WHERE event_schema = 'regent_guard'"); got != "0" || !f.Executed.Equal(target) {
		t.Errorf("%s events are left; executed %s", got, f.Executed)
	}
}

func TestGrantsOfTheManualSuffice(t *testing.T) {
	t.Parallel()
	db := start(t, 1)[0]
	db.do(t, "CREATE USER narrow IDENTIFIED BY 'x'",
		"GRANT "+strings.Join(required(), ", ")+" ON *.* TO narrow",
		"GRANT "+strings.Join(requiredForGuard(), ", ")+" ON regent_guard.* TO narrow")
	narrow := *db.Server
	narrow.options.Control = Account{"narrow", "x"}
	got, err := narrow.Privileges(t.Context())
	if err != nil || len(got.Missing) != 0 || len(got.MissingForGuard) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	s, err := narrow.Lock(t.Context(), Lease{"orders", 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	arm(t, s, leaseOf(3, 1), 2*time.Second)
	f := fenced(t, s)
	if f, err = s.ArmClosed(t.Context(), leaseOf(4, 1), time.Now().Add(time.Minute), f.Executed, 0); err != nil {
		t.Fatal(err)
	}
	ticking(t, s, f)
	if f, err = s.OpenGuarded(t.Context(), leaseOf(4, 1), f.Executed, 0); err != nil || !f.Writable() {
		t.Fatal(err)
	}
	g := narrow.Guard()
	defer g.Close()
	row, clock, err := g.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Renew(t.Context(), *row, clock.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if f, err = s.Disarm(t.Context()); err != nil || f.Lease != nil {
		t.Error(err)
	}
	db.do(t, "REVOKE EVENT ON regent_guard.* FROM narrow")
	if got, err = narrow.Privileges(t.Context()); err != nil || strings.Join(got.MissingForGuard, " ") != "EVENT" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGuardOfACloneDoesNothing(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	all[0].table(t)
	s := lock(t, all[0], 1)
	arm(t, s, leaseOf(3, 1), 3*time.Second)
	copied := cloneOf(t, all[1], all[0])
	fenced(t, s) // the donor: from here on the lease in the copy has expired as well
	f, err := copied.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Lease == nil || f.Lease.UUID == f.UUID || f.Lease.UUID != s.Facts().UUID || !f.Lease.Enabled {
		t.Fatalf("the copy has no guard of its donor: %+v", f.Lease)
	}
	ran := func() string {
		return all[1].scan(t, "SELECT last_executed FROM information_schema.events WHERE event_schema = 'regent_guard'")
	}
	all[1].do(t, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", "SET GLOBAL event_scheduler = OFF", "SET GLOBAL event_scheduler = ON")
	for last, runs := ran(), 0; runs < 3; {
		until(t, "the copied event runs", func() bool { return ran() != last })
		last, runs = ran(), runs+1
	}
	after, err := copied.Observe(t.Context())
	if err != nil || !after.Writable() || after.Lease.TickAge < f.Lease.TickAge || after.Lease.Remaining > 0 {
		t.Errorf("%v: writable %v, lease %+v, before %+v", err, after.Writable(), after.Lease, f.Lease)
	}
	if l := arm(t, copied, leaseOf(1, 1), time.Minute).Lease; l.UUID != f.UUID || l.Epoch != 1 || !l.Enabled {
		t.Errorf("a clone is armed in its own right: %+v", l)
	}
}

func TestServerWithAnExpiredGuardIsCloned(t *testing.T) {
	t.Parallel()
	all := start(t, 2)
	all[0].table(t)
	all[1].do(t, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", "CREATE DATABASE old", "CREATE TABLE old.t (id INT PRIMARY KEY)")
	s := lock(t, all[1], 1)
	arm(t, s, leaseOf(2, 1), time.Second)
	fenced(t, s)
	s.Close()
	copied := cloneOf(t, all[1], all[0])
	if f := copied.Facts(); f.Lease != nil || !f.Executed.Equal(observeOnce(t, all[0]).Executed) {
		t.Errorf("%+v", f.Lease)
	}
}

// cloneOf rebuilds a server from another one and answers a session on what came of it.
func cloneOf(t *testing.T, recipient, donor *instance) *Session {
	t.Helper()
	s := lock(t, recipient, 1)
	if _, err := s.Configure(t.Context(), nil, map[string]string{"super_read_only": "ON", "skip_replica_start": "ON"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Clone(t.Context(), donor.address); err != nil {
		t.Fatal(err)
	}
	var copied *Session
	until(t, "it answers again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		copied, err = recipient.Lock(ctx, Lease{"orders", 1})
		return err == nil
	})
	t.Cleanup(copied.Close)
	return copied
}
