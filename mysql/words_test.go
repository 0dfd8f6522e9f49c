package mysql

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/topology"
)

func TestOlderThan(t *testing.T) {
	for version, want := range map[string]bool{
		"8.0.22": true, "8.0.23": false, "8.0.23-14-log": false, "8.0.4": true, "5.7.44-log": true, "8.4.0": false, "9.7.4-2": false, "": true,
	} {
		if got := olderThan(version, 8, 0, 23); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestOldServersAreSpokenToInOldWords(t *testing.T) {
	statement := "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'a', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"
	old := dialect{version: "8.0.22"}
	if got, want := old.say(statement), "CHANGE MASTER TO MASTER_HOST = 'a', MASTER_AUTO_POSITION = 1, GET_MASTER_PUBLIC_KEY = 1"; got != want {
		t.Error(got)
	}
	if got := old.say("STOP REPLICA IO_THREAD"); got != "STOP SLAVE IO_THREAD" {
		t.Error(got)
	}
	if got := (dialect{version: "8.4.0"}).say(statement); got != statement {
		t.Error(got)
	}
}

func TestVariablesAreShownInCurrentWords(t *testing.T) {
	values := map[string]string{
		"rpl_semi_sync_master_wait_for_slave_count": "1", "rpl_semi_sync_master_wait_no_slave": "ON",
		"rpl_semi_sync_slave_enabled": "ON", "skip_slave_start": "ON", "skip_replica_start": "ON", "server_id": "3",
	}
	got, old := inCurrentWords(values)
	want := map[string]string{
		"rpl_semi_sync_source_wait_for_replica_count": "1", "rpl_semi_sync_source_wait_no_replica": "ON",
		"rpl_semi_sync_replica_enabled": "ON", "skip_replica_start": "ON", "server_id": "3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	d := dialect{old: old}
	for name, want := range map[string]string{
		"rpl_semi_sync_source_wait_for_replica_count": "rpl_semi_sync_master_wait_for_slave_count",
		"rpl_semi_sync_replica_enabled":               "rpl_semi_sync_slave_enabled",
		"skip_replica_start":                          "skip_replica_start",
		"server_id":                                   "server_id",
	} {
		if got := d.variable(name); got != want {
			t.Errorf("%s is set as %s, want %s", name, got, want)
		}
	}
	for _, name := range variables() {
		if back := currentName(oldName(name)); back != name {
			t.Errorf("%s comes back as %s", name, back)
		}
	}
}

func TestAssignmentsSwitchSemiSyncOffFirstAndOnLast(t *testing.T) {
	s := Session{last: state{facts: &topology.Facts{}}}
	b := s.assignments(map[string]string{
		"rpl_semi_sync_source_enabled": "ON", "rpl_semi_sync_source_wait_point": "AFTER_SYNC", "rpl_semi_sync_replica_enabled": "OFF",
	}, map[string]string{"super_read_only": "ON"}, map[string]string{"rpl_semi_sync_source_timeout": "4294967295"})
	var got []string
	for line := range strings.SplitSeq(b.String(), "\n") {
		if strings.HasPrefix(line, "SET ") {
			got = append(got, line)
		}
	}
	want := []string{
		"SET PERSIST rpl_semi_sync_replica_enabled = 'OFF';",
		"SET PERSIST_ONLY super_read_only = 'ON';",
		"SET PERSIST rpl_semi_sync_source_wait_point = 'AFTER_SYNC';",
		"SET GLOBAL rpl_semi_sync_source_timeout = 4294967295;",
		"SET PERSIST rpl_semi_sync_source_enabled = 'ON';",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHolderYieldsToLaterTermsOnly(t *testing.T) {
	held := func(node, term string) holder {
		return holder{id: "9", attributes: map[string]string{attributeNode: node, attributeTerm: term}}
	}
	cases := []struct {
		name   string
		holder holder
		want   error
	}{
		{"nobody", holder{}, nil},
		{"an earlier term of another node", held("b", "4"), nil},
		{"an earlier term of this node", held("a", "4"), nil},
		{"this term of this node", held("a", "5"), nil},
		{"this term of another node", held("b", "5"), ErrLocked},
		{"a later term of another node", held("b", "6"), ErrStaleTerm},
		{"a later term of this node", held("a", "6"), ErrStaleTerm},
		{"somebody else", holder{id: "9"}, ErrLocked},
	}
	for _, c := range cases {
		if err := c.holder.yields("a", 5); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestLockNameFits(t *testing.T) {
	if got := lockName("orders"); got != "regent:orders" {
		t.Error(got)
	}
	a, b := lockName(strings.Repeat("x", 100)), lockName(strings.Repeat("x", 101))
	if len(a) > maxLockName || a == b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestSourceAddress(t *testing.T) {
	if up, err := parseUpstream("[fd00::1]:3307"); err != nil || up.host != "fd00::1" || up.port != 3307 {
		t.Errorf("%v %v", up, err)
	}
	for _, bad := range []string{"db1", "db1:mysql", "db1:70000", ""} {
		if _, err := parseUpstream(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// FuzzQuote checks that no text ends its own literal.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "'", `\`, `\'`, "a\x00b", "';DROP", `\\''`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		q := quote(s)
		if back, ok := unquote(q); !ok || back != s {
			t.Errorf("%q became %s and reads back as %q", s, q, back)
		}
	})
}

// unquote reads a literal as the server does; ok is false where it does not end at its end.
func unquote(q string) (s string, ok bool) {
	if len(q) < 2 || q[0] != '\'' {
		return "", false
	}
	var out strings.Builder
	for i := 1; i < len(q); i++ {
		switch {
		case q[i] == '\\' && i+1 < len(q):
			i++
			if q[i] == '0' {
				out.WriteByte(0)
			} else {
				out.WriteByte(q[i])
			}
		case q[i] == '\'' && i+1 < len(q) && q[i+1] == '\'':
			i++
			out.WriteByte('\'')
		case q[i] == '\'':
			return out.String(), i == len(q)-1
		default:
			out.WriteByte(q[i])
		}
	}
	return out.String(), false
}
