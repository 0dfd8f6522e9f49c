package files_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
)

func TestWhatIsNoSequenceIsRefused(t *testing.T) {
	rename := func(t *testing.T, dir, from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  error
		says  string
	}{
		"two files renamed": {func(t *testing.T, dir string) {
			rename(t, dir, "binlog.000003", "x")
			rename(t, dir, "binlog.000002", "binlog.000003")
			rename(t, dir, "x", "binlog.000002")
		}, files.ErrOrder, "binlog.000002"},
		"an index in another order": {func(t *testing.T, dir string) {
			index(t, dir, "binlog.000003", "binlog.000001", "binlog.000002")
		}, files.ErrOrder, "binlog.000003"},
		"a file of another server": {func(t *testing.T, dir string) {
			filestest.New(2, 8).Transaction(3).Write(t, filepath.Join(dir, "binlog.000004"))
		}, files.ErrServer, "server_id 1"},
		"no log at all": {func(t *testing.T, dir string) {
			for i := range 3 {
				remove(t, filepath.Join(dir, fmt.Sprintf("binlog.%06d", i+1)))
			}
		}, files.ErrNoLog, "binlog.000001"},
		"two logs": {func(t *testing.T, dir string) {
			filestest.New(1, 0).Write(t, filepath.Join(dir, "other.000001"))
		}, nil, "several logs (binlog, other)"},
		"an index that lists a file twice": {func(t *testing.T, dir string) {
			index(t, dir, "binlog.000001", "binlog.000001")
		}, files.ErrNoLog, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := three(t)
			tt.spoil(t, dir)
			_, err := files.Open(dir)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}
