package mysqld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is the Debian suite that carries MySQL; the stable suites have MariaDB
// only. Its packages are never installed on the system, only unpacked apart.
const suite = "sid"

// archive is the Debian archive that this machine already uses, seen through
// an apt whose state lives in a directory of its own.
type archive struct {
	root string
	uri  string
}

// openArchive asks apt for the machine's archive and prepares apt's state
// below root.
func openArchive(ctx context.Context, root string, options Options) (*archive, error) {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("there is no %s, by which it is installed", tool)
		}
	}
	uri, err := archiveURI(ctx, options)
	if err != nil {
		return nil, err
	}
	a := &archive{root: root, uri: uri}
	for _, directory := range []string{"lists/partial", "cache/archives/partial", "parts", "state"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			return nil, fmt.Errorf("mysqld: state of apt: %w", err)
		}
	}
	for name, content := range map[string]string{"sources.list": a.source(), "state/status": ""} {
		if err := os.WriteFile(a.path(name), []byte(content), 0o644); err != nil {
			return nil, fmt.Errorf("mysqld: state of apt: %w", err)
		}
	}
	return a, nil
}

// archiveURI is the address from which this machine takes Debian packages. A
// fresh machine or container has no package lists yet; root may fetch them.
func archiveURI(ctx context.Context, options Options) (string, error) {
	query := []string{
		"apt-get", "indextargets", "--format", "$(REPO_URI)",
		"Created-By: Packages", "Origin: Debian", "Label: Debian",
	}
	answer, err := output(ctx, query)
	if err == nil && strings.TrimSpace(answer) == "" && os.Geteuid() == 0 {
		options.say("apt has no package lists yet: updating them")
		if _, err = output(ctx, []string{"apt-get", "update", "-q"}); err == nil {
			answer, err = output(ctx, query)
		}
	}
	if err != nil {
		return "", fmt.Errorf("apt does not answer: %w", err)
	}
	for line := range strings.Lines(answer) {
		if uri := strings.TrimSpace(line); uri != "" && !strings.HasPrefix(uri, "cdrom:") {
			return uri, nil
		}
	}
	return "", errors.New("apt knows no Debian archive to install it from (run `apt-get update` on a Debian)")
}

// source is the line of sources.list. Where the archive keyring is not where
// Debian puts it, apt's own trusted keys have to do.
func (a *archive) source() string {
	for _, keyring := range []string{
		"/usr/share/keyrings/debian-archive-keyring.gpg",
		"/usr/share/keyrings/debian-archive-keyring.pgp",
	} {
		if _, err := os.Stat(keyring); err == nil {
			return fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, a.uri, suite)
		}
	}
	return fmt.Sprintf("deb %s %s main\n", a.uri, suite)
}

func (a *archive) path(name string) string { return filepath.Join(a.root, name) }

// apt runs apt-get on the private state. An empty package status makes it
// resolve every dependency, the C library included, and the pins of the
// machine do not apply. Downloads run as the caller because apt's own user
// cannot reach a cache below a private home; what was downloaded is checked
// against the signed index either way.
func (a *archive) apt(ctx context.Context, arguments ...string) error {
	command := []string{
		"apt-get", "-q", "-y",
		"-o", "Dir::Etc::sourcelist=" + a.path("sources.list"),
		"-o", "Dir::Etc::sourceparts=" + a.path("parts"),
		"-o", "Dir::Etc::preferences=/dev/null",
		"-o", "Dir::Etc::preferencesparts=" + a.path("parts"),
		"-o", "Dir::State=" + a.path("state"),
		"-o", "Dir::State::lists=" + a.path("lists"),
		"-o", "Dir::State::status=" + a.path("state/status"), // apt makes its locks beside it.
		"-o", "Dir::Cache=" + a.path("cache"),
		"-o", "APT::Install-Recommends=false",
		"-o", "APT::Sandbox::User=root",
		"-o", "APT::Update::Error-Mode=any",
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		"-o", "Acquire::Retries=3",
	}
	_, err := output(ctx, append(command, arguments...))
	return err
}

// download fetches packages and everything that they need, and answers their
// directory.
func (a *archive) download(ctx context.Context, options Options, packages ...string) (string, error) {
	options.say("reading the package index of %s (%s)", suite, a.uri)
	if err := a.apt(ctx, "update"); err != nil {
		return "", fmt.Errorf("the Debian archive cannot be read: %w; check the network", err)
	}
	options.say("downloading %s with their libraries", strings.Join(packages, ", "))
	if err := a.apt(ctx, append([]string{"install", "--download-only"}, packages...)...); err != nil {
		return "", fmt.Errorf("its packages cannot be downloaded: %w; check the network and the disk", err)
	}
	return a.path("cache/archives"), nil
}
