package binlog

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

var fullSize = flag.Bool("memory", false, "compare one transaction of 2 GB, and a tail of 10 GB") //nolint:gochecknoglobals // It is how a flag of a test is read.

// heavy is a comparison whose memory is measured, made by the test for a process of its own.
type heavy struct {
	Dir, Fresh string
	Memory     int
	workload
}

// heavyVariable names the file that describes the comparison to the process that makes it.
const heavyVariable = "REGENT_TEST_MEMORY"

func TestMain(m *testing.M) {
	if path := os.Getenv(heavyVariable); path != "" {
		if err := measured(path); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// measured makes the comparison and prints the largest resident memory of the process in KiB, and the sentence of the
// report.
func measured(path string) error {
	var h heavy
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		return err
	}
	manifest, err := capture.ReadManifest(h.Dir)
	if err := errors.Join(err, manifest.Verify(h.Dir)); err != nil {
		return err
	}
	executed := gtid.MustParse(filestest.UUID + ":1-6")
	var told Progress
	r := CompareRequest{
		ID: "r1", Cluster: "orders", OldServer: "east-db1", Dir: h.Dir, NewPrimary: Endpoint{Server: "west-db1", Files: h.Fresh},
		Enew: executed, Now: time.Now, Memory: h.Memory,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Progress: func(p Progress) {
			if p.Stage == ReadingOld {
				told = p
			}
		},
	}
	summary, err := r.against(context.Background(), manifest, &newSide{executed: executed, snapshot: h.workload})
	if err != nil {
		return err
	}
	if told.Rows != uint64(h.rows()) || told.Transactions != uint64(h.Transactions) || told.Pass < 2 {
		return fmt.Errorf("told of %+v", told)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	peak, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	_, err = fmt.Printf("%s\n%s\n", peak, summary.Sentence) //nolint:forbidigo // It is the answer of the process.
	return err
}

// budgeted is a workload with the memory for what is remembered of it, in bytes, and the most that the process may
// have resident, in MB.
type budgeted struct {
	workload

	memory, most int
}

// small are far larger than their budgets.
func small() map[string]budgeted {
	const kb, mb = 1 << 10, 1 << 20
	return map[string]budgeted{
		"one transaction, narrow rows":   {workload{Bytes: 2 * mb, Transactions: 1, Width: 20, Keys: 1 << 30}, 256 * kb, 64},
		"one transaction, wide rows":     {workload{Bytes: 64 * mb, Transactions: 1, Width: 16000, Keys: 1 << 30}, 256 * kb, 64},
		"many transactions, narrow rows": {workload{Bytes: 2 * mb, Transactions: 5000, Width: 20, Keys: 1 << 30}, 256 * kb, 64},
		"many transactions, wide rows":   {workload{Bytes: 64 * mb, Transactions: 1000, Width: 16000, Keys: 1000}, 256 * kb, 64},
	}
}

// large are what is promised.
func large() map[string]budgeted {
	const gb = 1 << 30
	return map[string]budgeted{
		"2 GB in one transaction, rows of 40 bytes":   {workload{Bytes: 2 * gb, Transactions: 1, Width: 20, Keys: 4_000_000}, defaultMemory, 256},
		"2 GB in one transaction, rows of 4 kB":       {workload{Bytes: 2 * gb, Transactions: 1, Width: 4000, Keys: 1 << 30}, defaultMemory, 256},
		"10 GB in 100,000 transactions, rows of 4 kB": {workload{Bytes: 10 * gb, Transactions: 100_000, Width: 4000, Keys: 200_000}, defaultMemory, 256},
	}
}

// TestMemoryDoesNotGrowWithTheOldSide makes each comparison in a process of its own.
func TestMemoryDoesNotGrowWithTheOldSide(t *testing.T) {
	tests := small()
	if *fullSize {
		tests = large()
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h := heavy{Dir: filepath.Join(dir, "report"), Fresh: filepath.Join(dir, "fresh"), Memory: tt.memory, workload: tt.workload}
			h.write(t)
			peak, sentence, took := h.run(t, dir)
			t.Logf("%d MB resident at most, %s: %s", peak, took.Round(time.Second), sentence)
			want := "1 transaction,"
			if tt.Transactions > 1 {
				want = strconv.Itoa(tt.Transactions) + " transactions,"
			}
			if peak > tt.most || !strings.HasPrefix(sentence, want) {
				t.Errorf("%d MB resident, want %d at most; %s", peak, tt.most, sentence)
			}
		})
	}
}

// run starts the process and returns its largest resident memory in MB.
func (h heavy) run(t *testing.T, dir string) (peak int, sentence string, took time.Duration) {
	t.Helper()
	text, err := json.Marshal(h)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "heavy.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Env = append(os.Environ(), heavyVariable+"="+filepath.Join(dir, "heavy.json"))
	var log strings.Builder
	child.Stderr = &log
	begun := time.Now()
	out, err := child.Output()
	t.Log(log.String())
	if err != nil {
		t.Fatal(err)
	}
	peakText, sentence, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	kib, err := strconv.Atoi(peakText)
	if err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return kib >> 10, sentence, time.Since(begun)
}
