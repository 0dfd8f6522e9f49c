package mysqld

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script makes an executable that stands in for a program.
func script(t *testing.T, path, body string) {
	t.Helper()
	write(t, path, "#!/bin/sh\n"+body+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestLocateNamedBinary(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	mysqld := filepath.Join(bin, "mysqld")
	script(t, mysqld, `echo "mysqld  Ver 8.4.5 for Linux on x86_64 (MySQL Community Server - GPL)"`)
	script(t, filepath.Join(bin, "mysql"), `echo "mysql  Ver 8.4.5 for Linux on x86_64"`)

	in, err := Locate(t.Context(), Options{Binary: mysqld, Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if in.Version != (Version{8, 4, 5}) || in.Prefix != "" {
		t.Errorf("located %+v", in)
	}
	command := in.ServerCommand("/d.cnf", "--port=1")
	if command[0] != mysqld || command[1] != "--defaults-file=/d.cnf" {
		t.Errorf("the defaults file does not stand first: %q", command)
	}
}

func TestLocateRefusesNamedMariaDB(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	mysqld := filepath.Join(bin, "mysqld")
	script(t, mysqld, `echo "mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64"`)
	script(t, filepath.Join(bin, "mysql"), `echo "mysql  Ver 15.1"`)

	_, err := Locate(t.Context(), Options{Binary: mysqld, Cache: t.TempDir()})
	if !errors.Is(err, ErrNotMySQL) || !strings.Contains(err.Error(), "REGENT_MYSQL="+mysqld) {
		t.Errorf("a MariaDB gave %v", err)
	}
}

func TestLocateSaysNextStepWithoutApt(t *testing.T) {
	bin := t.TempDir()
	script(t, filepath.Join(bin, "mysqld"), `echo "mysqld  Ver 10.11.6-MariaDB"`)
	script(t, filepath.Join(bin, "mysql"), `echo "mysql"`)
	t.Setenv("PATH", bin)

	var progress strings.Builder
	_, err := Locate(t.Context(), Options{Cache: t.TempDir(), Progress: &progress})
	if !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), nextStep) {
		t.Errorf("without apt: %v", err)
	}
	if !strings.Contains(progress.String(), "passing over "+filepath.Join(bin, "mysqld")) {
		t.Errorf("the MariaDB on PATH is not mentioned: %s", progress.String())
	}
}

func TestLocateSaysNextStepWithoutArchive(t *testing.T) {
	bin := t.TempDir()
	script(t, filepath.Join(bin, "apt-get"), `exit 0`)
	script(t, filepath.Join(bin, "dpkg-deb"), `exit 0`)
	t.Setenv("PATH", bin)

	_, err := Locate(t.Context(), Options{Cache: t.TempDir()})
	if !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), "no Debian archive") && !strings.Contains(err.Error(), "knows no Debian") {
		t.Errorf("without a Debian archive: %v", err)
	}
}

func TestLocateReportsAptsOwnError(t *testing.T) {
	bin := t.TempDir()
	script(t, filepath.Join(bin, "apt-get"), `[ "$1" = indextargets ] && echo http://archive.invalid/debian && exit 0
echo "E: Failed to fetch the index" >&2; exit 100`)
	script(t, filepath.Join(bin, "dpkg-deb"), `exit 0`)
	t.Setenv("PATH", bin)

	_, err := Locate(t.Context(), Options{Cache: t.TempDir()})
	if !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), "Failed to fetch the index") {
		t.Errorf("without a network: %v", err)
	}
}
