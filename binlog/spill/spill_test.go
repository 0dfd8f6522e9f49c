package spill_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/regentdb/regent/binlog/spill"
)

// reference is what a dictionary is to be like.
type reference struct {
	numbers map[string]int
	keys    []string
	values  []string
}

// budgets are all in memory, some, and next to nothing.
func budgets() []int { return []int{1 << 20, 64 << 10, 0} }

func open(t interface{ Fatal(args ...any) }, dir string, budget int) *spill.Space {
	s, err := spill.Open(dir, budget)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestADictionaryIsAMap lets random operations run on dictionaries and on maps.
func TestADictionaryIsAMap(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := open(t, filepath.Join(dir, "space"), rapid.SampledFrom(budgets()).Draw(t, "budget"))
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(rapid.StringN(0, 8, -1).Draw(t, "text"), rapid.SampledFrom([]int{1, 1, 700}).Draw(t, "times"))
		})
		d, want := s.Dict(), reference{numbers: map[string]int{}}
		other := s.Dict() // Competes for the pages.
		for range rapid.IntRange(1, 300).Draw(t, "operations") {
			key := text.Draw(t, "key")
			n, known := want.numbers[key]
			if got, ok := d.Find(key); ok != known || ok && got != n {
				t.Fatalf("found %d, %t; want %d, %t", got, ok, n, known)
			}
			switch rapid.IntRange(0, 2).Draw(t, "operation") {
			case 0:
				if !known {
					n = len(want.keys)
					want.numbers[key] = n
					want.keys, want.values = append(want.keys, key), append(want.values, "")
				}
				if got, added := d.Add(key); got != n || added == known {
					t.Fatalf("added %d, %t; want %d, %t", got, added, n, !known)
				}
			case 1:
				if known {
					want.values[n] = text.Draw(t, "value")
					d.Set(n, []byte(want.values[n]))
				}
			case 2:
				m, _ := other.Add(key)
				other.Set(m, []byte(key))
			}
		}
		if d.Len() != len(want.keys) {
			t.Fatalf("%d keys, want %d", d.Len(), len(want.keys))
		}
		for n, key := range want.keys {
			if d.Key(n) != key || d.Value(n) != want.values[n] {
				t.Fatalf("%d is %q: %q, want %q: %q", n, d.Key(n), d.Value(n), key, want.values[n])
			}
		}
		for n := range other.Len() {
			if other.Key(n) != other.Value(n) {
				t.Fatalf("the other dictionary has %q for %q", other.Value(n), other.Key(n))
			}
		}
		if err := errors.Join(s.Err(), s.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAListReadsBothWays(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := open(t, filepath.Join(dir, "space"), rapid.SampledFrom(budgets()).Draw(t, "budget"))
		l, other := s.List(), s.List()
		for range 2 {
			var want []string
			for range rapid.IntRange(0, 40).Draw(t, "parts") {
				part := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 500, 4090, 9000}).Draw(t, "length")) + rapid.String().Draw(t, "end")
				want = append(want, part)
				l.Append([]byte(part))
				other.Append([]byte("other"))
			}
			if got := slices.Collect(l.All()); !slices.Equal(got, want) || l.Len() != len(want) {
				t.Fatalf("%q, want %q", got, want)
			}
			slices.Reverse(want)
			if got := slices.Collect(l.Backward()); !slices.Equal(got, want) {
				t.Fatalf("backward %q, want %q", got, want)
			}
			l.Reset()
		}
		if err := errors.Join(s.Err(), s.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDictionary(f *testing.F) {
	f.Add([]byte("a\x00b\x00a\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := open(t, filepath.Join(t.TempDir(), "space"), 0)
		d, want := s.Dict(), map[string]string{}
		for i, key := range strings.Split(string(text), "\x00") {
			n, added := d.Add(key)
			if _, known := want[key]; known == added {
				t.Fatalf("%q: added %t", key, added)
			}
			want[key] = strings.Repeat(key, i%5)
			d.Set(n, []byte(want[key]))
		}
		for key, value := range want {
			if n, ok := d.Find(key); !ok || d.Value(n) != value {
				t.Fatalf("%q: %t", key, ok)
			}
		}
		if err := errors.Join(s.Err(), s.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

// fill adds so many keys.
func fill(s *spill.Space, count int) {
	d := s.Dict()
	for i := range count {
		n, _ := d.Add(strings.Repeat("k", i%50) + string(rune('a'+i%26)) + strings.Repeat("v", i/26))
		d.Set(n, make([]byte, 500))
	}
}

func TestFilesAreTheOwnersAndGoAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "space")
	if err := os.Mkdir(dir, 0o755); err != nil { // As a crash left it.
		t.Fatal(err)
	}
	left := filepath.Join(dir, "left")
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, 0)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a crash left is still there: %v", err)
	}
	fill(s, 1000)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("nothing was spilled: %v", err)
	}
	for _, path := range append([]os.DirEntry{}, entries...) {
		info, err := path.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
	if s.OnDisk() < 500*900 {
		t.Errorf("%d bytes on disk", s.OnDisk())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestWhatFitsTouchesNoDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "space")
	s := open(t, dir, 4<<20)
	fill(s, 1000)
	if _, err := os.Stat(dir); !os.IsNotExist(err) || s.OnDisk() > 0 {
		t.Errorf("%d bytes on disk, %v", s.OnDisk(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestADiskThatFailsIsSaidOnce takes the disk away under a dictionary: everything goes on, reads as empty, and the
// error names the directory and what to do.
func TestADiskThatFailsIsSaidOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing", "space")
	s := open(t, dir, 0)
	d, l := s.Dict(), s.List()
	for i := range 2000 {
		n, _ := d.Add(strings.Repeat("k", i))
		d.Set(n, make([]byte, 500))
		l.Append(make([]byte, 500))
	}
	err := s.Err()
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "repeat the comparison") {
		t.Fatalf("%v", err)
	}
	if _, ok := d.Find("k"); ok || d.Value(3) != "" || len(slices.Collect(l.All())) != l.Len() {
		t.Error("what was lost does not read as empty")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
