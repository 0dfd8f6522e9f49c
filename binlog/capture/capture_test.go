package capture_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/gtid"
)

const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

func at() time.Time { return time.Date(2018, 10, 21, 22, 52, 10, 0, time.UTC) }

// unreachable is an address where a connection fails at once: the socket does not exist.
func unreachable(t *testing.T, name string, extra string) capture.Source {
	t.Helper()
	return capture.Source{
		Endpoint: capture.Endpoint{Server: name, Address: filepath.Join(t.TempDir(), "no-such-socket"), User: "repl"},
		Extra:    gtid.MustParse(extra),
	}
}

func request(dir string, servers ...capture.Source) capture.Request {
	return capture.Request{Servers: servers, Dir: dir, Now: at, Log: slog.New(slog.DiscardHandler)}
}

func TestAnUnreachableServerMakesTheCaptureIncomplete(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	m, err := capture.Capture(t.Context(), request(dir, unreachable(t, "east-db1", uuid+":1-3")))
	if err != nil {
		t.Fatal(err)
	}
	if m.Complete || !strings.Contains(m.Reason, "connect to east-db1") || !strings.Contains(m.Reason, "not captured: "+uuid+":1-3") {
		t.Errorf("complete %v: %s", m.Complete, m.Reason)
	}
	read, err := capture.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, read); diff != "" {
		t.Errorf("the manifest on disk (-returned +read)\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, capture.ManifestName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestAServerWithoutExtrasNeedsNoConnection(t *testing.T) {
	m, err := capture.Capture(t.Context(), request(t.TempDir(), unreachable(t, "east-db1", "")))
	if err != nil || !m.Complete {
		t.Errorf("complete %v: %s, %v", m.Complete, m.Reason, err)
	}
}

func TestNamesThatAreNoFileNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`} {
		_, err := capture.Capture(t.Context(), request(t.TempDir(), unreachable(t, name, "")))
		if !errors.Is(err, capture.ErrRequest) {
			t.Errorf("%q: %v, want ErrRequest", name, err)
		}
	}
	twice := unreachable(t, "a", "")
	if _, err := capture.Capture(t.Context(), request(t.TempDir(), twice, twice)); !errors.Is(err, capture.ErrRequest) {
		t.Errorf("the same name twice: %v, want ErrRequest", err)
	}
	if _, err := capture.Capture(t.Context(), request(t.TempDir())); !errors.Is(err, capture.ErrRequest) {
		t.Errorf("no server: %v, want ErrRequest", err)
	}
}

// captured is a directory as a complete capture leaves it.
func captured(t *testing.T) (string, capture.Manifest) {
	t.Helper()
	dir := t.TempDir()
	manifest := `{"servers":[{"server":"east-db1","extra":"` + uuid + `:1-3","wanted":"` + uuid + `:1-3","captured":"` + uuid + `:1-3",
		"files":[{"name":"east-db1.binlog","size":4,"sha256":"` + sumOfData + `","transactions":3}],"complete":true}],
		"wanted":"` + uuid + `:1-3","captured":"` + uuid + `:1-3","complete":true}`
	for name, content := range map[string]string{"east-db1.binlog": "data", capture.ManifestName: manifest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := capture.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// sumOfData is the SHA-256 of "data".
const sumOfData = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"

func TestACompleteCaptureIsVerifiedAndKept(t *testing.T) {
	dir, m := captured(t)
	if err := m.Verify(dir); err != nil {
		t.Fatal(err)
	}
	again, err := capture.Capture(t.Context(), request(dir, unreachable(t, "east-db1", uuid+":1-3")))
	if err != nil || !again.Complete || !again.Captured.Equal(m.Captured) {
		t.Errorf("complete %v, captured %s: %s, %v", again.Complete, again.Captured, again.Reason, err)
	}
}

func TestAServerThatWasClonedSinceKeepsItsFiles(t *testing.T) {
	for name, servers := range map[string][]capture.Source{
		"nothing extra": {unreachable(t, "east-db1", "")},
		"not named":     {unreachable(t, "east-db2", "")},
	} {
		dir, m := captured(t)
		again, err := capture.Capture(t.Context(), request(dir, servers...))
		if err != nil || !again.Complete || !again.Captured.Equal(m.Captured) || !again.Wanted.Equal(m.Wanted) {
			t.Errorf("%s: complete %v, captured %s: %s, %v", name, again.Complete, again.Captured, again.Reason, err)
		}
	}
}

func TestMoreThanBeforeKeepsWhatThereWas(t *testing.T) {
	dir, m := captured(t)
	again, err := capture.Capture(t.Context(), request(dir, unreachable(t, "east-db1", uuid+":1-4")))
	if err != nil {
		t.Fatal(err)
	}
	if again.Complete || !again.Captured.Equal(m.Captured) || !strings.Contains(again.Reason, "not captured: "+uuid+":4") {
		t.Errorf("complete %v, captured %s: %s", again.Complete, again.Captured, again.Reason)
	}
	if err := again.Verify(dir); err != nil {
		t.Error(err)
	}
}

func TestADamagedFileIsNotTakenAsCaptured(t *testing.T) {
	dir, m := captured(t)
	file := filepath.Join(dir, "east-db1.binlog")
	if err := os.WriteFile(file, []byte("dada"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(dir); !errors.Is(err, capture.ErrChecksum) {
		t.Errorf("verify: %v, want ErrChecksum", err)
	}
	again, err := capture.Capture(t.Context(), request(dir, unreachable(t, "east-db1", uuid+":1-3")))
	if err != nil || again.Complete || !again.Captured.IsEmpty() {
		t.Errorf("complete %v, captured %s, %v", again.Complete, again.Captured, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("verify without the file: %v, want ErrNotExist", err)
	}
}
