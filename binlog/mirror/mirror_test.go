package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/regentdb/regent/binlog/mirror"
)

// pair is the directory of a report and that of its copy.
type pair struct {
	*testing.T
	from, to string
	m        *mirror.Mirror
	fetched  int64
	limit    int64 // of bytes that come before the connection breaks; 0: it never does
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{T: t, from: t.TempDir(), to: filepath.Join(t.TempDir(), "copy"), m: &mirror.Mirror{Log: "decisions.log"}}
	p.write(p.from, "manifest.json", "{}")
	p.write(p.from, "east-db1.binlog", "0123456789")
	return p
}

func (p *pair) write(dir, name, content string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		p.Fatal(err)
	}
}

func (p *pair) fetch(_ context.Context, name string, offset int64) (io.ReadCloser, error) {
	text, err := os.ReadFile(filepath.Join(p.from, name))
	if err != nil {
		return nil, err
	}
	text = text[offset:]
	if p.limit > 0 && int64(len(text)) > p.limit {
		text = text[:p.limit]
	}
	p.fetched += int64(len(text))
	return io.NopCloser(bytes.NewReader(text)), nil
}

func (p *pair) take() mirror.Inventory {
	p.Helper()
	files, err := p.m.Take(p.from)
	if err != nil {
		p.Fatal(err)
	}
	return files
}

func (p *pair) pull(change uint64) error {
	files := p.take()
	if err := p.m.Pull(p.Context(), p.to, files, p.fetch); err != nil {
		return err
	}
	return p.m.Install(p.to, mirror.Record{Change: change, Files: files})
}

func (p *pair) equal() {
	p.Helper()
	if err := p.m.Verify(p.to); err != nil {
		p.Fatal(err)
	}
	copied, err := p.m.Take(p.to)
	if err != nil || !p.m.Same(p.take(), copied) {
		p.Fatalf("%v, want %v (%v)", copied, p.take(), err)
	}
}

func TestACopyFollowsItsOriginal(t *testing.T) {
	p := newPair(t)
	p.write(p.from, "half.partial", "not to be copied")
	if err := p.pull(1); err != nil {
		t.Fatal(err)
	}
	p.equal()
	p.write(p.from, "report.json", "{}")
	p.write(p.from, "rewind-east-db1.json", "{}")
	p.fetched = 0
	if err := p.pull(2); err != nil {
		t.Fatal(err)
	}
	if p.equal(); p.fetched != 4 {
		t.Errorf("%d bytes were fetched for two small files", p.fetched)
	}
	if err := os.Remove(filepath.Join(p.from, "rewind-east-db1.json")); err != nil {
		t.Fatal(err)
	}
	if err := p.pull(3); err != nil {
		t.Fatal(err)
	}
	p.equal()
	if r, copied := mirror.Copied(p.to); !copied || r.Change != 3 || len(r.Files) != 3 {
		t.Errorf("%v, %t", r, copied)
	}
}

func TestAFetchThatBrokeOffGoesOn(t *testing.T) {
	p := newPair(t)
	p.limit = 4
	for range 2 {
		if err := p.pull(1); !errors.Is(err, io.EOF) {
			t.Fatalf("%v", err)
		}
		if _, copied := mirror.Copied(p.to); copied {
			t.Fatal("it counts as a copy before it is whole")
		}
	}
	if err := p.pull(1); err != nil {
		t.Fatal(err)
	}
	if p.equal(); p.fetched != 12 {
		t.Errorf("%d bytes were fetched, want 12", p.fetched)
	}
}

func TestACopyThatDoesNotVerifyIsNone(t *testing.T) {
	for name, damage := range map[string]func(p *pair){
		"changed":            func(p *pair) { p.write(p.to, "east-db1.binlog", "0123456780") },
		"shorter":            func(p *pair) { p.write(p.to, "east-db1.binlog", "0") },
		"gone":               func(p *pair) { _ = os.Remove(filepath.Join(p.to, "manifest.json")) },
		"a log that was cut": func(p *pair) { p.write(p.to, "decisions.log", "on") },
		"no record":          func(p *pair) { _ = os.Remove(filepath.Join(p.to, "copy.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.write(p.from, "decisions.log", "one\n")
			if err := p.pull(1); err != nil {
				t.Fatal(err)
			}
			damage(p)
			if err := p.m.Verify(p.to); !errors.Is(err, mirror.ErrDiffers) {
				t.Errorf("%v", err)
			}
			if err := p.pull(1); err != nil {
				t.Fatal(err)
			}
			p.equal()
		})
	}
}

func TestWhatComesOtherwiseThanItShouldIsRefused(t *testing.T) {
	p := newPair(t)
	files := p.take()
	p.write(p.from, "east-db1.binlog", "012345678X")
	if err := p.m.Pull(t.Context(), p.to, files, p.fetch); !errors.Is(err, mirror.ErrDiffers) {
		t.Fatalf("%v", err)
	}
	for _, name := range []string{"../evil", "/etc/passwd", "copy.json", "incoming", ".hidden", `a\b`, ""} {
		if err := p.m.Pull(t.Context(), p.to, mirror.Inventory{{Name: name, Size: 1, SHA256: "x"}}, p.fetch); !errors.Is(err, mirror.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestACrashBetweenFilesIsFinished breaks off an installation after each of its steps.
func TestACrashBetweenFilesIsFinished(t *testing.T) {
	p := newPair(t)
	if err := p.pull(1); err != nil {
		t.Fatal(err)
	}
	p.write(p.from, "manifest.json", "{\"new\":1}")
	p.write(p.from, "report.json", "{}")
	if err := p.m.Pull(t.Context(), p.to, p.take(), p.fetch); err != nil {
		t.Fatal(err)
	}
	if r, copied := mirror.Copied(p.to); !copied || r.Change != 1 || p.m.Verify(p.to) != nil {
		t.Fatal("what is put aside changed the copy")
	}
	// As after a crash right behind the first rename.
	record, err := os.ReadFile(filepath.Join(p.to, "copy.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.m.Finish(p.to); err != nil || p.m.Verify(p.to) != nil {
		t.Fatalf("nothing was to be finished: %v", err)
	}
	if err := p.m.Install(p.to, mirror.Record{Change: 2, Files: p.take()}); err != nil {
		t.Fatal(err)
	}
	p.equal()
	if err := os.MkdirAll(filepath.Join(p.to, "incoming"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.write(p.to, "copy.json", string(record))
	p.write(p.to, "incoming/copy.json", `{"change":3,"files":[{"name":"manifest.json","size":9,"sha256":"`+p.take()[1].SHA256+`"}]}`)
	if err := p.m.Finish(p.to); err != nil {
		t.Fatal(err)
	}
	if r, copied := mirror.Copied(p.to); !copied || r.Change != 3 {
		t.Errorf("%v, %t", r, copied)
	}
}

func TestALogGrowsInStep(t *testing.T) {
	p := newPair(t)
	p.write(p.from, "decisions.log", "one\n")
	if err := p.m.Add(p.to, mirror.Part{Name: "decisions.log", Data: []byte("one\n")}); !errors.Is(err, mirror.ErrDiffers) {
		t.Fatalf("into no copy: %v", err)
	}
	if err := p.pull(1); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		offset int64
		data   string
		want   error
	}{
		{4, "two\n", nil},
		{4, "two\n", nil},
		{0, "one\ntwo\nthree\n", nil},
		{0, "one\n", nil},
		{4, "2\n", mirror.ErrGap},
		{99, "x", mirror.ErrGap},
		{-1, "x", mirror.ErrGap},
		{14, "four\n", nil},
	} {
		if err := p.m.Add(p.to, mirror.Part{Name: "decisions.log", Offset: step.offset, Data: []byte(step.data)}); !errors.Is(err, step.want) {
			t.Errorf("%+v: %v", step, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(p.to, "decisions.log"))
	if err != nil || string(text) != "one\ntwo\nthree\nfour\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := p.m.Add(p.to, mirror.Part{Name: "rewind-east-db1.json", Data: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := p.m.Verify(p.to); err != nil {
		t.Error(err)
	}
	tail, err := p.m.Tail(p.to, 8)
	if err != nil || string(tail.Data) != "three\nfour\n" {
		t.Errorf("%q, %v", tail.Data, err)
	}
}

// TestALogThatSaysSomethingElseIsKept is about a node that decided something before it lost the lead, and told nobody.
func TestALogThatSaysSomethingElseIsKept(t *testing.T) {
	p := newPair(t)
	p.write(p.from, "decisions.log", "one\ntwo\n")
	if err := os.MkdirAll(p.to, 0o700); err != nil {
		t.Fatal(err)
	}
	p.write(p.to, "decisions.log", "one\nsecret\n")
	if err := p.pull(1); err != nil {
		t.Fatal(err)
	}
	p.equal()
	text, err := os.ReadFile(filepath.Join(p.to, "decisions.log.superseded"))
	if err != nil || string(text) != "one\nsecret\n" {
		t.Errorf("%q, %v", text, err)
	}
}
