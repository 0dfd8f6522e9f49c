package files_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

const uuid = filestest.UUID

// set is a set of the one server of these tests.
func set(spans string) gtid.Set {
	if spans == "" {
		return gtid.Set{}
	}
	return gtid.MustParse(uuid + ":" + spans)
}

// three is a log of nine transactions in three files.
func three(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"binlog.000001", "binlog.000002", "binlog.000003"} {
		f := filestest.New(1, i*3)
		for range 3 {
			f.Transaction(40)
		}
		if i < 2 {
			f.Rotate(fmt.Sprintf("binlog.%06d", i+2))
		}
		f.Write(t, filepath.Join(dir, name))
	}
	return dir
}

func open(t *testing.T, dir string) *files.Log {
	t.Helper()
	log, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// dumped returns what a dump hands out whole, read by the splitter of package decode, and its error.
func dumped(log *files.Log, exclude gtid.Set) (gtid.Set, error) {
	var splitter decode.Splitter
	var whole []gtid.GTID
	err := log.Dump(context.Background(), exclude, filestest.Whole(func(e decode.Event) error {
		part, err := splitter.Add(e)
		if err == nil && part.Last {
			whole = append(whole, part.Tx.GTID)
		}
		return err
	}))
	return gtid.Of(whole...), errors.Join(err, splitter.Close())
}

func TestALogIsReadFromWhereItLeavesTheCommonSet(t *testing.T) {
	log := open(t, three(t))
	standing, err := log.Standing()
	if err != nil || !standing.Executed.Equal(set("1-9")) || !standing.Purged.IsEmpty() || len(standing.Unknown) > 0 {
		t.Fatalf("%+v, %v", standing, err)
	}
	for _, tt := range []struct{ common, first, file string }{
		{"", "1", "binlog.000001"},
		{"1-2", "3", "binlog.000001"},
		{"1-3", "4", "binlog.000002"},
		{"1-7", "8", "binlog.000003"},
		{"1-4:6-9", "5", "binlog.000002"},
		{"1-9", "", "binlog.000003"},
	} {
		place, err := log.Locate(set(tt.common))
		if err != nil || place.File != tt.file || tt.first != "" && place.First.String() != uuid+":"+tt.first {
			t.Errorf("outside %s: %+v, %v", tt.common, place, err)
		}
		got, err := dumped(log, set(tt.common))
		if want := set("1-9").Subtract(set(tt.common)); err != nil || !got.Equal(want) {
			t.Errorf("dump without %s: %s, %v; want %s", tt.common, got, err, want)
		}
	}
}

func TestTaggedTransactionsAndTaggedListsAreRead(t *testing.T) {
	log, err := os.ReadFile(filepath.Join("..", "decode", "testdata", "types.binlog"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "binlog.000001"), log, 0o600); err != nil {
		t.Fatal(err)
	}
	var want []gtid.GTID
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, tx.GTID)
	}
	got, err := dumped(open(t, dir), gtid.Set{})
	if err != nil || !got.Equal(gtid.Of(want...)) {
		t.Errorf("%s, %v; want %s", got, err, gtid.Of(want...))
	}
	before := gtid.MustParse(uuid + ":1-5:7:blue:1-3:red:9, 00000000-0000-0000-0000-000000000002:green:4-6")
	filestest.NewAfter(1, before).Transaction(3).Write(t, filepath.Join(dir, "binlog.000001"))
	if got := open(t, dir).Files[0].Previous; !got.Equal(before) {
		t.Errorf("logged before: %s, want %s", got, before)
	}
}

func TestACopyOfAServerGoesOnUnderAnotherServerID(t *testing.T) {
	dir := three(t)
	filestest.New(2, 9).Transaction(3).Write(t, filepath.Join(dir, "binlog.000004"))
	got, err := dumped(open(t, dir), set("1-2"))
	if err != nil || !got.Equal(set("3-10")) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTheServersOwnUUIDIsRead(t *testing.T) {
	dir := three(t)
	standing, err := open(t, dir).Standing()
	if err != nil || standing.UUID != "" || len(standing.Own) != 1 || standing.Own[0] != uuid {
		t.Errorf("%+v, %v", standing, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "auto.cnf"), []byte("[auto]\nserver-uuid="+strings.ToUpper(uuid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if standing, err := open(t, dir).Standing(); err != nil || standing.UUID != uuid {
		t.Errorf("%+v, %v", standing, err)
	}
}
