package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// What bad input makes of `regent report`, on either side. Each answer names what is wrong or missing; none is a clean
// report. E is a clear error, I an INCOMPLETE that names what is missing (exit code 6), — cannot be there.
//
//	|                        | old files | new files | old server | new server |
//	| torn tail              | I         | I         | —          | —          |
//	| flipped bits           | I         | I         | I          | E          |
//	| missing file           | I         | I         | I          | E          |
//	| purged range           | I         | E         | I          | E          |
//	| wrong server           | E         | E         | E          | E          |
//	| wrong order            | E         | E         | —          | —          |
//	| never were one cluster | E         | E         | E          | E          |
//
// Files are tried by TestBadFiles, running servers by TestBadServers, which needs them. A server that runs does not
// tear its own log, and gives its files in its own order.

// threeFiles writes the log of a server: three transactions each in the first two files, which both sides share, and
// three from that number on in the third.
func threeFiles(t *testing.T, server uint32, last uint64) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 2 {
		f := filestest.New(server, i*3).Transaction(30).Transaction(30).Transaction(30)
		f.Rotate(fmt.Sprintf("binlog.%06d", i+2))
		f.Write(t, filepath.Join(dir, fmt.Sprintf("binlog.%06d", i+1)))
	}
	f := filestest.New(server, 6).After(last).Transaction(30).Transaction(30).Transaction(30)
	f.Write(t, filepath.Join(dir, "binlog.000003"))
	return dir
}

// spoil is a way to damage a directory of binary logs.
type spoil func(dir string) error

// edit changes the bytes of the newest file.
func edit(change func(log []byte) []byte) spoil {
	return func(dir string) error {
		path := filepath.Join(dir, "binlog.000003")
		log, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, change(log), 0o600)
	}
}

// flip changes a bit of the newest file, so many bytes behind the beginning of its second transaction.
func flip(behind int) spoil {
	return edit(func(log []byte) []byte {
		log[filestest.Opening(log, 1)+behind] ^= 1
		return log
	})
}

func swap(a, b string) spoil {
	return func(dir string) error {
		aside := filepath.Join(dir, "aside")
		return errors.Join(os.Rename(filepath.Join(dir, a), aside), os.Rename(filepath.Join(dir, b), filepath.Join(dir, a)),
			os.Rename(aside, filepath.Join(dir, b)))
	}
}

func gone(names ...string) spoil {
	return func(dir string) error {
		var failed error
		for _, name := range names {
			failed = errors.Join(failed, os.Remove(filepath.Join(dir, name)))
		}
		return failed
	}
}

func TestBadFiles(t *testing.T) {
	const another = "00000000-0000-0000-0000-000000000002"
	id := func(numbers string) string { return filestest.UUID + ":" + numbers }
	// The last three transactions of the old side are 10-12, those of the new side 7-9.
	late := func(server uint32, before string, own uint64) spoil {
		return func(dir string) error {
			f := filestest.NewAfter(server, gtid.MustParse(id(before)))
			f.After(own - 1).Transaction(30)
			return errors.Join(gone("binlog.000001", "binlog.000002", "binlog.000003")(dir),
				os.WriteFile(filepath.Join(dir, "binlog.000004"), f.Bytes(), 0o600))
		}
	}
	for name, tt := range map[string]struct {
		old, fresh spoil
		flags      string
		code       int
		says       string
	}{
		"nothing":                                   {code: codeDone},
		"old: torn tail":                            {old: edit(func(b []byte) []byte { return b[:len(b)-7] }), code: codeIncomplete, says: id("12") + " is torn"},
		"new: torn tail":                            {fresh: edit(func(b []byte) []byte { return b[:len(b)-7] }), code: codeIncomplete, says: id("9") + " is torn"},
		"old: torn in the name of a transaction":    {old: edit(func(b []byte) []byte { return b[:filestest.Opening(b, 2)+30] }), code: codeIncomplete, says: "binlog.000003 at offset"},
		"new: torn in the name of a transaction":    {fresh: edit(func(b []byte) []byte { return b[:filestest.Opening(b, 2)+30] }), code: codeIncomplete, says: "binlog.000003 at offset"},
		"old: torn in the name of the only one":     {old: edit(func(b []byte) []byte { return b[:filestest.Opening(b, 0)+30] }), code: codeIncomplete, says: "binlog.000003 at offset"},
		"old: a bit of a row":                       {old: flip(-45), code: codeIncomplete, says: id("10") + " is damaged"},
		"new: a bit of a row":                       {fresh: flip(-45), code: codeIncomplete, says: id("7") + " is damaged"},
		"old: a bit of the name of a transaction":   {old: flip(30), code: codeIncomplete, says: "binlog.000003 at offset"},
		"new: a bit of the name of a transaction":   {fresh: flip(30), code: codeIncomplete, says: "binlog.000003 at offset"},
		"old: a bit of the description of the file": {old: edit(func(b []byte) []byte { b[40] ^= 2; return b }), code: codeError, says: "binlog.000003"},
		"new: a bit of the description of the file": {fresh: edit(func(b []byte) []byte { b[40] ^= 2; return b }), code: codeError, says: "binlog.000003"},
		"old: newest file missing":                  {old: gone("binlog.000003"), code: codeIncomplete, says: "binlog.000003"},
		"new: newest file missing":                  {fresh: gone("binlog.000003"), code: codeIncomplete, says: "binlog.000003"},
		"old: purged range":                         {old: late(1, "1-6:10-11", 12), code: codeIncomplete, says: id("10-11")},
		"new: purged range":                         {fresh: late(2, "1-8", 9), code: codeError, says: "purged the log of " + id("7-8")},
		"old: wrong server":                         {flags: "--old-uuid " + another, code: codeError, says: another},
		"new: wrong server":                         {flags: "--new-uuid " + another, code: codeError, says: another},
		"old: a file of another server": {old: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "binlog.000004"), filestest.New(5, 12).Transaction(3).Bytes(), 0o600)
		}, code: codeError, says: "binlog.000004"},
		"new: a file of another server": {fresh: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "binlog.000004"), filestest.New(5, 8).Transaction(3).Bytes(), 0o600)
		}, code: codeError, says: "binlog.000004"},
		"old: wrong order": {old: swap("binlog.000002", "binlog.000003"), code: codeError, says: "binlog.000002"},
		"new: wrong order": {fresh: swap("binlog.000001", "binlog.000003"), code: codeError, says: "binlog.000001"},
		"never one cluster": {fresh: func(dir string) error {
			stranger := filestest.NewAfter(2, gtid.MustParse(another+":1-5"))
			return errors.Join(gone("binlog.000001", "binlog.000002", "binlog.000003")(dir), os.WriteFile(filepath.Join(dir, "binlog.000001"), stranger.Bytes(), 0o600))
		}, code: codeError, says: "never were one cluster"},
		"one directory for both": {flags: "same", code: codeError, says: "same"},
	} {
		t.Run(name, func(t *testing.T) {
			old, fresh := threeFiles(t, 1, 9), threeFiles(t, 2, 6)
			if tt.old != nil {
				if err := tt.old(old); err != nil {
					t.Fatal(err)
				}
			}
			if tt.fresh != nil {
				if err := tt.fresh(fresh); err != nil {
					t.Fatal(err)
				}
			}
			flags := strings.Fields(tt.flags)
			if tt.flags == "same" {
				flags, fresh = nil, old
			}
			s := &shell{t: t}
			r := s.run(append([]string{"report", "diff", "--old", old, "--new", fresh, "-o", "json"}, flags...)...)
			if r.code != tt.code || !strings.Contains(r.errs, tt.says) || tt.code == codeIncomplete && !strings.Contains(r.out, `"complete": false`) {
				t.Errorf("exit %d, want %d that says %q: %.300s\n%.600s", r.code, tt.code, tt.says, r.out, r.errs)
			}
		})
	}
}
