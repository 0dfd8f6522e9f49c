package mysqld

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// sumsFile lists the checksums of the kept packages, in the format of sha256sum.
const sumsFile = "SHA256SUMS"

// errDamaged says that the kept packages are not those that were downloaded.
var errDamaged = errors.New("kept packages are missing or damaged")

// keptPackages answers the packages in directory after comparing each with the
// checksum that was written when it was downloaded.
func keptPackages(directory string) ([]string, error) {
	sums, err := os.ReadFile(filepath.Join(directory, sumsFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	var packages []string
	lines := bufio.NewScanner(bytes.NewReader(sums))
	for lines.Scan() {
		want, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || name != filepath.Base(name) {
			return nil, fmt.Errorf("%w: line %q", errDamaged, lines.Text())
		}
		path := filepath.Join(directory, name)
		sum, err := checksum(path)
		if err != nil || sum != want {
			return nil, fmt.Errorf("%w: %s", errDamaged, name)
		}
		packages = append(packages, path)
	}
	if len(packages) == 0 {
		return nil, errDamaged
	}
	return packages, nil
}

// keepPackages moves those downloaded packages that are wanted, by file name,
// to their place in the cache, with their checksums.
func keepPackages(from, to string, wanted func(name string) bool) error {
	packages, err := filepath.Glob(filepath.Join(from, "*.deb"))
	if err != nil {
		return fmt.Errorf("mysqld: packages in %s: %w", from, err)
	}
	staging, err := os.MkdirTemp(filepath.Dir(to), "packages.new-")
	if err != nil {
		return fmt.Errorf("mysqld: keep packages: %w", err)
	}
	defer func() { _ = os.RemoveAll(staging) }()
	var sums strings.Builder
	for _, path := range packages {
		name := filepath.Base(path)
		if !wanted(name) {
			continue
		}
		sum, err := checksum(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, name)
		if err := os.Rename(path, filepath.Join(staging, name)); err != nil {
			return fmt.Errorf("mysqld: keep package %s: %w", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(staging, sumsFile), []byte(sums.String()), 0o644); err != nil {
		return fmt.Errorf("mysqld: keep packages: %w", err)
	}
	return replaceDirectory(staging, to)
}

// needed leaves out of the server's packages what only their installation
// scripts and mysqld_multi call for.
func needed(name string) bool {
	for _, unneeded := range []string{"perl", "libperl", "debconf"} {
		if strings.HasPrefix(name, unneeded) {
			return false
		}
	}
	return true
}

// unpack lays the packages out below prefix without running their scripts.
func unpack(ctx context.Context, packages []string, prefix string) error {
	for _, path := range packages {
		if _, err := output(ctx, []string{"dpkg-deb", "-x", path, prefix}); err != nil {
			return fmt.Errorf("mysqld: unpack %s: %w; check the free disk space", filepath.Base(path), err)
		}
	}
	return nil
}

func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("mysqld: checksum: %w", err)
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("mysqld: checksum of %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// replaceDirectory puts a finished directory in the place of an earlier one.
func replaceDirectory(finished, place string) error {
	if err := os.RemoveAll(place); err != nil {
		return fmt.Errorf("mysqld: replace %s: %w", place, err)
	}
	if err := os.Chmod(finished, 0o755); err != nil {
		return fmt.Errorf("mysqld: replace %s: %w", place, err)
	}
	if err := os.Rename(finished, place); err != nil {
		return fmt.Errorf("mysqld: replace %s: %w", place, err)
	}
	return nil
}
