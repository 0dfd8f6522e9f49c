package mysqld

import (
	"errors"
	"testing"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]Version{
		"/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))":                    {9, 7, 4},
		"mysqld  Ver 8.4.0 for Linux on aarch64 (MySQL Community Server - GPL)":           {8, 4, 0},
		"/opt/mysql/bin/mysqld  Ver 8.4.12-commercial for Linux on x86_64 (Enterprise)\n": {8, 4, 12},
	} {
		got, err := ParseVersion(answer)
		if err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v; want %v", answer, got, err, want)
		}
	}
	for _, answer := range []string{
		"",
		"mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)",
		"mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
		"usage: mysqld [options]",
		"Ver 99999999999999999999.1.1",
	} {
		if got, err := ParseVersion(answer); !errors.Is(err, ErrNotMySQL) {
			t.Errorf("ParseVersion(%q) = %v, %v; want ErrNotMySQL", answer, got, err)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))")
	f.Add("Ver 8.4")
	f.Fuzz(func(t *testing.T, answer string) {
		version, err := ParseVersion(answer)
		if err != nil {
			if !errors.Is(err, ErrNotMySQL) {
				t.Fatalf("undocumented error %v", err)
			}
			return
		}
		if version.Before(oldest()) {
			t.Fatalf("accepted %v from %q", version, answer)
		}
		again, err := ParseVersion("mysqld  Ver " + version.String() + " for Linux")
		if err != nil || again != version {
			t.Fatalf("%v does not survive its own rendering: %v, %v", version, again, err)
		}
	})
}
