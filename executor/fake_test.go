package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/topology"
)

const (
	uuidA = "aaaaaaaa-0000-0000-0000-000000000001"
	uuidB = "bbbbbbbb-0000-0000-0000-000000000002"
)

var errBroken = errors.New("connection lost")

// journal is what happened, in order, over all parts of a test.
type journal struct{ lines []string }

func (j *journal) add(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// fakeSession behaves like a server whose state is facts; wrong fails methods by name.
type fakeSession struct {
	journal *journal
	facts   *topology.Facts
	wrong   map[string]error
	dead    bool
	// arrives is what the next fetch makes the server receive, by donor.
	arrives map[string]gtid.Set
	// applies tells that AwaitExecuted executes what was received.
	applies bool
	// opensAfter counts attempts to open that fail first.
	opensAfter int
	// ticksAfter counts observations after which the event of a guard is seen to run.
	ticksAfter int
	// clock is what the server's clock says.
	clock time.Time
	// deposes loses its leadership when the clock was read.
	deposes *leader
}

func (f *fakeSession) Facts() *topology.Facts { return f.facts }
func (f *fakeSession) Alive() bool            { return !f.dead }

func (f *fakeSession) Close() {
	f.dead = true
	f.journal.add("close")
}

// did records a call and answers like a connection: an error of errBroken's kind ends it.
func (f *fakeSession) did(format string, args ...any) (*topology.Facts, error) {
	f.journal.add(format, args...)
	name, _, _ := strings.Cut(fmt.Sprintf(format, args...), " ")
	if f.dead {
		return f.facts, errBroken
	}
	if err := f.wrong[name]; err != nil {
		f.dead = errors.Is(err, errBroken)
		return f.facts, err
	}
	return f.facts, nil
}

func (f *fakeSession) Observe(context.Context) (*topology.Facts, error) {
	if l := f.facts.Lease; l != nil && l.TickAge == topology.Never && f.ticksAfter > 0 {
		if f.ticksAfter--; f.ticksAfter == 0 {
			f.lease(func(l *topology.Lease) { l.TickAge = 0 })
		}
	}
	return f.did("observe")
}

// lease replaces the guard row.
func (f *fakeSession) lease(edit func(l *topology.Lease)) {
	next := *f.facts
	l := topology.Lease{UUID: next.UUID}
	if next.Lease != nil {
		l = *next.Lease
	}
	edit(&l)
	next.Lease = &l
	f.facts = &next
}

func (f *fakeSession) Clock(context.Context) (time.Time, error) {
	_, err := f.did("clock")
	if f.deposes != nil {
		f.deposes.deposed = errors.New("another node leads")
	}
	return f.clock, err
}

func (f *fakeSession) arm(what string, want topology.Lease, until time.Time) (*topology.Facts, error) {
	lasts := "goes on"
	if !until.IsZero() {
		lasts = until.Sub(f.clock).String()
	}
	if _, err := f.did("%s epoch=%d set=%d %v %s", what, want.Epoch, want.SetVersion, want.Candidates, lasts); err != nil {
		return f.facts, err
	}
	f.lease(func(l *topology.Lease) {
		remaining, age := l.Remaining, l.TickAge
		if !until.IsZero() {
			remaining, age = until.Sub(f.clock), topology.Never
		}
		*l = want
		l.UUID, l.Enabled, l.Scheduler, l.Remaining, l.TickAge = f.facts.UUID, true, true, remaining, age
	})
	return f.facts, nil
}

func (f *fakeSession) Arm(_ context.Context, want topology.Lease, until time.Time) (*topology.Facts, error) {
	return f.arm("arm", want, until)
}

func (f *fakeSession) ArmClosed(_ context.Context, want topology.Lease, until time.Time, _ gtid.Set, _ int) (*topology.Facts, error) {
	if f.opensAfter > 0 {
		f.opensAfter--
		f.journal.add("arm_closed too early")
		return f.facts, errors.New("1 acknowledging replicas are attached: condition not met")
	}
	if _, err := f.arm("arm_closed", want, until); err != nil {
		return f.facts, err
	}
	f.set(nil, nil, map[string]string{"super_read_only": "OFF"})
	return f.facts, nil
}

func (f *fakeSession) OpenGuarded(_ context.Context, want topology.Lease, _ gtid.Set, waitCount int) (*topology.Facts, error) {
	if _, err := f.did("open_guarded epoch=%d set=%d %d", want.Epoch, want.SetVersion, waitCount); err != nil {
		return f.facts, err
	}
	f.set(nil, nil, map[string]string{"read_only": "OFF", "super_read_only": "OFF", "offline_mode": "OFF"})
	return f.facts, nil
}

func (f *fakeSession) Disarm(context.Context) (*topology.Facts, error) {
	if _, err := f.did("disarm"); err != nil {
		return f.facts, err
	}
	next := *f.facts
	next.Lease = nil
	f.facts = &next
	return f.facts, nil
}

func (f *fakeSession) Claim(context.Context) (*topology.Facts, error) { return f.did("claim") }

func (f *fakeSession) Configure(_ context.Context, persist, persistOnly, transient map[string]string) (*topology.Facts, error) {
	if _, err := f.did("configure %s", names(persist, persistOnly, transient)); err != nil {
		return f.facts, err
	}
	f.set(persist, persistOnly, transient)
	return f.facts, nil
}

func names(persist, persistOnly, transient map[string]string) string {
	return strings.Join(slices.Concat(slices.Sorted(maps.Keys(persist)), slices.Sorted(maps.Keys(persistOnly)), slices.Sorted(maps.Keys(transient))), ",")
}

func (f *fakeSession) set(persist, persistOnly, transient map[string]string) {
	next := *f.facts
	next.Variables, next.Persisted = maps.Clone(next.Variables), maps.Clone(next.Persisted)
	maps.Copy(next.Variables, persist)
	maps.Copy(next.Variables, transient)
	maps.Copy(next.Persisted, persist)
	maps.Copy(next.Persisted, persistOnly)
	f.facts = &next
}

func (f *fakeSession) InstallPlugins(context.Context) (*topology.Facts, error) {
	if _, err := f.did("install"); err != nil {
		return f.facts, err
	}
	f.set(nil, nil, map[string]string{"rpl_semi_sync_replica_enabled": "OFF", "rpl_semi_sync_source_enabled": "OFF", "clone_valid_donor_list": ""})
	return f.facts, nil
}

func (f *fakeSession) Fence(context.Context, time.Duration) (*topology.Facts, error) {
	if _, err := f.did("fence"); err != nil {
		return f.facts, err
	}
	f.set(nil, nil, map[string]string{"read_only": "ON", "super_read_only": "ON"})
	return f.facts, nil
}

func (f *fakeSession) GoOffline(context.Context) (*topology.Facts, error) {
	f.set(nil, nil, map[string]string{"offline_mode": "ON"})
	return f.did("offline")
}

func (f *fakeSession) GoOnline(context.Context) (*topology.Facts, error) {
	f.set(nil, nil, map[string]string{"offline_mode": "OFF"})
	return f.did("online")
}

func (f *fakeSession) Drain(context.Context, time.Duration) (*topology.Facts, error) {
	if _, err := f.did("drain"); err != nil {
		return f.facts, err
	}
	f.set(nil, nil, map[string]string{"read_only": "ON", "super_read_only": "ON", "offline_mode": "ON"})
	return f.facts, nil
}

func (f *fakeSession) Nudge(context.Context, time.Duration) (*topology.Facts, error) {
	if _, err := f.did("nudge"); err != nil {
		return f.facts, err
	}
	next := *f.facts
	next.Status = maps.Clone(next.Status)
	next.Status["rpl_semi_sync_source_wait_sessions"] = "0"
	f.facts = &next
	return f.facts, nil
}

// change replaces the state of the channel.
func (f *fakeSession) change(edit func(u *topology.Upstream)) {
	next := *f.facts
	u := topology.Upstream{}
	if next.Source != nil {
		u = *next.Source
	}
	edit(&u)
	next.Source = &u
	f.facts = &next
}

func (f *fakeSession) StopReceiver(context.Context) (*topology.Facts, error) {
	if _, err := f.did("stop_receiver"); err != nil {
		return f.facts, err
	}
	if f.facts.Source != nil {
		f.change(func(u *topology.Upstream) { u.Receiver = topology.ThreadOff })
	}
	return f.facts, nil
}

func (f *fakeSession) AwaitExecuted(_ context.Context, target gtid.Set, _ time.Duration) (*topology.Facts, error) {
	if _, err := f.did("await"); err != nil {
		return f.facts, err
	}
	if f.applies && f.facts.Received().Contains(target) {
		next := *f.facts
		next.Executed = next.Received()
		f.facts = &next
	}
	return f.facts, nil
}

func (f *fakeSession) Fetch(_ context.Context, address string) (*topology.Facts, error) {
	if _, err := f.did("fetch %s", address); err != nil {
		return f.facts, err
	}
	f.change(func(u *topology.Upstream) {
		u.Receiver, u.ReceiverError = topology.ThreadOn, ""
		if _, ok := f.arrives[address]; !ok {
			u.Receiver, u.ReceiverError = topology.ThreadOff, "1236 purged"
		}
		u.Received = u.Received.Union(f.arrives[address])
	})
	return f.facts, nil
}

func (f *fakeSession) Follow(_ context.Context, address, sourceUUID string, acker bool, target gtid.Set) (*topology.Facts, error) {
	if _, err := f.did("follow %s %s acker=%t", address, sourceUUID, acker); err != nil {
		return f.facts, err
	}
	f.change(func(u *topology.Upstream) {
		*u = following(address)
		u.Received = target
	})
	return f.facts, nil
}

// following is the channel of a replica that has what it should have.
func following(address string) topology.Upstream {
	host, _, _ := strings.Cut(address, ":")
	return topology.Upstream{
		Host: host, Port: 3306, Receiver: topology.ThreadOn, Applier: topology.ThreadOn, AutoPosition: true,
		ConnectRetry: 1, RetryCount: 4294967295, HeartbeatPeriod: time.Second,
	}
}

func (f *fakeSession) BecomeSource(_ context.Context, _ gtid.Set, _ time.Duration, persist, persistOnly, transient map[string]string) (*topology.Facts, error) {
	if _, err := f.did("become_source %s", names(persist, persistOnly, transient)); err != nil {
		return f.facts, err
	}
	f.set(persist, persistOnly, transient)
	next := *f.facts
	next.Source = nil
	f.facts = &next
	return f.facts, nil
}

func (f *fakeSession) Open(_ context.Context, _ gtid.Set, waitCount int) (*topology.Facts, error) {
	if _, err := f.did("open %d", waitCount); err != nil {
		return f.facts, err
	}
	if f.opensAfter > 0 {
		f.opensAfter--
		return f.facts, errors.New("1 acknowledging replicas are attached: condition not met")
	}
	f.set(nil, nil, map[string]string{"read_only": "OFF", "super_read_only": "OFF", "offline_mode": "OFF"})
	return f.facts, nil
}

func (f *fakeSession) Clone(_ context.Context, address string) error {
	_, err := f.did("clone %s", address)
	f.dead = true
	return err
}

// leader is a node's leadership in a term.
type leader struct {
	journal *journal
	term    uint64
	leading bool
	deposed error
	// next is the term after the next verification, 0 to stay.
	next uint64
}

func (l *leader) Term() (uint64, bool) { return l.term, l.leading }

func (l *leader) Verify(context.Context, time.Time) error {
	l.journal.add("verify")
	if l.next != 0 {
		l.term = l.next
	}
	return l.deposed
}

// bench is an executor with one fake server.
type bench struct {
	*Executor
	journal *journal
	leader  *leader
	session *fakeSession
	opens   error
}

func newBench(t *testing.T, f *topology.Facts) *bench {
	t.Helper()
	j := &journal{}
	b := &bench{journal: j, leader: &leader{journal: j, term: 5, leading: true}}
	b.session = &fakeSession{
		journal: j, facts: f, wrong: map[string]error{}, arrives: map[string]gtid.Set{}, applies: true, ticksAfter: 3,
		clock: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
	b.Executor = New(Config{
		Node: "east-1", Leadership: b.leader, Log: slog.New(slog.DiscardHandler),
		Resolve: func(_, server string) (topology.Server, bool) {
			return topology.Server{Name: server, Address: server + ":3306"}, strings.HasPrefix(server, "db")
		},
		Now: time.Now,
		Open: func(_ context.Context, cluster string, server topology.Server, term uint64) (Session, error) {
			j.add("lock %s %s term=%d", cluster, server.Address, term)
			if b.opens != nil {
				return nil, b.opens
			}
			b.session.dead = false
			return b.session, nil
		},
	})
	return b
}

func (b *bench) do(t *testing.T, a failover.Action) failover.Result {
	t.Helper()
	a.Cluster, a.Server = "orders", "db1"
	if a.Deadline == 0 {
		a.Deadline = 2 * time.Second
	}
	return b.Do(t.Context(), a)
}

// replica is a read-only server that has executed the set and follows db9.
func replica(executed string) *topology.Facts {
	u := following("db9:3306")
	u.Received = gtid.MustParse(executed)
	return &topology.Facts{
		UUID: uuidB, Executed: gtid.MustParse(executed), Source: &u, Status: map[string]string{},
		Persisted: map[string]string{"super_read_only": "ON", "skip_replica_start": "ON"},
		Variables: map[string]string{
			"persisted_globals_load": "ON",
			"read_only":              "ON", "super_read_only": "ON", "offline_mode": "OFF", "clone_valid_donor_list": "",
			"rpl_semi_sync_replica_enabled": "OFF", "rpl_semi_sync_source_enabled": "OFF",
		},
	}
}

// primary is a writable server that has executed nine transactions.
func primary() *topology.Facts {
	f := replica(uuidA + ":1-9")
	f.Source = nil
	f.Variables["read_only"], f.Variables["super_read_only"] = "OFF", "OFF"
	return f
}
