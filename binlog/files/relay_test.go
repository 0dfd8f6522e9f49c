package files_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

func TestARelayLogGivesATransactionThatWasFetchedAgainOnce(t *testing.T) {
	dir := three(t)
	f := filestest.NewRelay(7, 0)
	f.Transaction(20)
	f.Torn(20)
	f.Format(1)
	f.Transaction(20)
	f.Write(t, filepath.Join(dir, "relay-bin.000001"))
	own := open(t, dir) // The server's own log comes first.
	if len(own.Files) != 3 {
		t.Fatalf("%d files", len(own.Files))
	}
	index := filepath.Join(dir, "relay-bin.index")
	if err := os.WriteFile(index, []byte("./relay-bin.000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := dumped(open(t, index), gtid.Set{})
	if err != nil || !got.Equal(set("1-2")) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestARelayLogCountsWhatTheReplicaExecuted(t *testing.T) {
	dir := three(t)
	filestest.NewRelay(7, 0).After(9).Transaction(20).Write(t, filepath.Join(dir, "relay-bin.000001"))
	index := filepath.Join(dir, "relay-bin.index")
	if err := os.WriteFile(index, []byte("./relay-bin.000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	standing, err := open(t, index).Standing()
	if err != nil || !standing.Executed.Equal(set("1-10")) {
		t.Errorf("%s, %v", standing.Executed, err)
	}
}
