package capture_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// shelf is the files of a dead server with nine transactions, as a source of what the new primary lacks.
func shelf(t *testing.T, extra string) capture.Source {
	t.Helper()
	dir := t.TempDir()
	for i := range 3 {
		f := filestest.New(1, i*3)
		for range 3 {
			f.Transaction(40)
		}
		if i < 2 {
			f.Rotate(fmt.Sprintf("binlog.%06d", i+2))
		}
		f.Write(t, filepath.Join(dir, fmt.Sprintf("binlog.%06d", i+1)))
	}
	return capture.Source{Endpoint: capture.Endpoint{Server: "east-db1", Files: dir}, Extra: gtid.MustParse(extra)}
}

// inFiles are the transactions in the captured files, in order.
func inFiles(t *testing.T, dir string, m capture.Manifest) string {
	t.Helper()
	var out []string
	for _, server := range m.Servers {
		for _, file := range server.Files {
			in, err := os.Open(filepath.Join(dir, file.Name))
			if err != nil {
				t.Fatal(err)
			}
			for tx, err := range decode.Transactions(in) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, fmt.Sprint(tx.GTID.Seq))
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return strings.Join(out, " ")
}

func TestACaptureFromFilesHoldsWhatIsWanted(t *testing.T) {
	dir := t.TempDir()
	r := request(dir, shelf(t, uuid+":3-5:9"))
	var told uint64
	r.Progress = func(_ string, transactions uint64, _ int64) { told = transactions }
	m, err := capture.Capture(t.Context(), r)
	if err != nil || !m.Complete || inFiles(t, dir, m) != "3 4 5 9" || m.Servers[0].UUID != uuid || told != 4 {
		t.Errorf("complete %v (%s), %q, of %s, %d told, %v", m.Complete, m.Reason, inFiles(t, dir, m), m.Servers[0].UUID, told, err)
	}
	if err := m.Verify(dir); err != nil {
		t.Error(err)
	}
	if m.Servers[0].Directory != r.Servers[0].Files {
		t.Errorf("the manifest names %q, not the directory", m.Servers[0].Directory)
	}
}

func TestAMissingFileMakesTheCaptureIncompleteUntilItIsThere(t *testing.T) {
	source, dir := shelf(t, uuid+":1-9"), t.TempDir()
	path := filepath.Join(source.Files, "binlog.000002")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	m, err := capture.Capture(t.Context(), request(dir, source))
	if err != nil || m.Complete || inFiles(t, dir, m) != "1 2 3 7 8 9" {
		t.Fatalf("complete %v, %q, %v", m.Complete, inFiles(t, dir, m), err)
	}
	for _, part := range []string{"binlog.000002", "not captured: " + uuid + ":4-6"} {
		if !strings.Contains(m.Reason, part) {
			t.Errorf("%q does not say %q", m.Reason, part)
		}
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	m, err = capture.Capture(t.Context(), request(dir, source))
	if err != nil || !m.Complete || inFiles(t, dir, m) != "1 2 3 4 5 6 7 8 9" {
		t.Errorf("with the file: complete %v (%s), %q, %v", m.Complete, m.Reason, inFiles(t, dir, m), err)
	}
	captured, err := filepath.Glob(filepath.Join(dir, "*.binlog*"))
	if err != nil || len(captured) != 1 {
		t.Errorf("files %v, %v; want the one that the manifest names", captured, err)
	}
}

func TestAnOlderFileThatIsGoneNeverTakesAwayWhatIsCaptured(t *testing.T) {
	source, dir := shelf(t, uuid+":1-9"), t.TempDir()
	if _, err := capture.Capture(t.Context(), request(dir, source)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(source.Files, "binlog.000001")); err != nil {
		t.Fatal(err)
	}
	source.Extra = gtid.MustParse(uuid + ":1-10")
	m, err := capture.Capture(t.Context(), request(dir, source))
	if err != nil || m.Complete || inFiles(t, dir, m) != "1 2 3 4 5 6 7 8 9" {
		t.Errorf("complete %v, %q, %v", m.Complete, inFiles(t, dir, m), err)
	}
}

func TestTroubleInFilesMakesTheCaptureIncomplete(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, s *capture.Source)
		whole string
		says  string
	}{
		"a torn tail": {func(t *testing.T, s *capture.Source) {
			edit(t, s.Files, "binlog.000003", func(b []byte) []byte { return b[:len(b)-5] })
		}, "1 2 3 4 5 6 7 8", uuid + ":9 is torn"},
		"a flipped bit": {func(t *testing.T, s *capture.Source) {
			edit(t, s.Files, "binlog.000003", func(b []byte) []byte { b[len(b)-40] ^= 1; return b })
		}, "1 2 3 4 5 6 7 8", uuid + ":9 is damaged"},
		"files that begin too late": {func(t *testing.T, s *capture.Source) {
			if err := os.Remove(filepath.Join(s.Files, "binlog.000001")); err != nil {
				t.Fatal(err)
			}
		}, "4 5 6 7 8 9", "logged before binlog.000002, the oldest file"},
		"a newest file that is missing": {func(t *testing.T, s *capture.Source) {
			if err := os.Remove(filepath.Join(s.Files, "binlog.000003")); err != nil {
				t.Fatal(err)
			}
			s.Extra = gtid.MustParse(uuid + ":1-6")
		}, "1 2 3 4 5 6", "going on in binlog.000003"},
		"another server": {func(_ *testing.T, s *capture.Source) {
			s.UUID = "00000000-0000-0000-0000-00000000000a"
		}, "", files.ErrServer.Error()},
		"encrypted": {func(t *testing.T, s *capture.Source) {
			edit(t, s.Files, "binlog.000003", func(b []byte) []byte { b[0] = 0xfd; return b })
		}, "", "start the server"},
	} {
		t.Run(name, func(t *testing.T) {
			source, dir := shelf(t, uuid+":1-9"), t.TempDir()
			tt.spoil(t, &source)
			m, err := capture.Capture(t.Context(), request(dir, source))
			if err != nil || m.Complete || inFiles(t, dir, m) != tt.whole || !strings.Contains(m.Reason, tt.says) {
				t.Errorf("complete %v, %q, %v: %s; want %q that says %q", m.Complete, inFiles(t, dir, m), err, m.Reason, tt.whole, tt.says)
			}
		})
	}
}

func edit(t *testing.T, dir, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStandingOfFilesNeedsTheRightServer(t *testing.T) {
	source := shelf(t, "")
	source.UUID = uuid
	standing, err := capture.Stand(t.Context(), source.Endpoint)
	if err != nil || !standing.Executed.Equal(gtid.MustParse(uuid+":1-9")) {
		t.Errorf("%s, %v", standing.Executed, err)
	}
	source.UUID = "00000000-0000-0000-0000-00000000000a"
	if _, err := capture.Stand(t.Context(), source.Endpoint); !errors.Is(err, files.ErrServer) {
		t.Errorf("%v, want ErrServer", err)
	}
}
