package mysqld

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeepPackages(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	from, to := filepath.Join(cache, "apt"), filepath.Join(cache, "packages")
	write(t, filepath.Join(from, "mysql-server-core_9.deb"), "server")
	write(t, filepath.Join(from, "libc6_2.deb"), "libc")
	write(t, filepath.Join(from, "perl_5.deb"), "perl")

	if err := keepPackages(from, to, needed); err != nil {
		t.Fatal(err)
	}
	kept, err := keptPackages(to)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(to, "libc6_2.deb"), filepath.Join(to, "mysql-server-core_9.deb")}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("kept packages (-want +got):\n%s", diff)
	}

	write(t, filepath.Join(to, "libc6_2.deb"), "damaged")
	if _, err := keptPackages(to); !errors.Is(err, errDamaged) {
		t.Errorf("a damaged package gave %v", err)
	}
}

func TestKeptPackagesRefusesPaths(t *testing.T) {
	t.Parallel()
	for name, sums := range map[string]string{
		"empty": "", "no separator": "abc", "a path": "abc  ../../etc/passwd\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			write(t, filepath.Join(directory, sumsFile), sums)
			if _, err := keptPackages(directory); !errors.Is(err, errDamaged) {
				t.Errorf("sums %q gave %v", sums, err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
