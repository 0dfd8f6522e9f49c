package spill

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAFullDiskIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "space")
	s, err := Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := &List{log: s.area()}
	if l.log.file, err = os.OpenFile("/dev/full", os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	for s.Err() == nil && l.Len() < 1000 {
		l.Append(make([]byte, pageSize))
	}
	if err := s.Err(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
	l.log.file, err = nil, l.log.file.Close()
	if err := errors.Join(err, s.Close()); err != nil {
		t.Error(err)
	}
}
