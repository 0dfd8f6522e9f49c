package lab_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/regentdb/regent/lab"
)

func downAfterCrash(t *testing.T, client *lab.Client) {
	s := status(t, client)
	// A process that outlives the command that started it.
	if _, code := run(t, client, "east", "sh", "-c", "setsid sleep 1000 </dev/null >/dev/null 2>&1 &"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if err := syscall.Kill(s.Supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := lab.Down(t.Context(), client.Dir()); err != nil {
			t.Fatal(err)
		}
	}
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environments {
		if environment, err := os.ReadFile(path); err == nil && bytes.Contains(environment, []byte("REGENT_LAB_MEMBER="+client.Dir())) {
			t.Errorf("a process is left: %s", path)
		}
	}
	entries, err := os.ReadDir(client.Dir())
	if err != nil || len(entries) != 1 || entries[0].Name() != "logs" {
		t.Errorf("files are left: %v, %v", entries, err)
	}
}
