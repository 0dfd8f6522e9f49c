package mysqld

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// installed answers the server in the cache's prefix. A prefix that does not
// run (half removed, or made on another machine) is built again, from the kept
// packages where they are whole, so that a repair needs no network.
func installed(ctx context.Context, options Options) (*Installation, error) {
	prefix := filepath.Join(options.Cache, "server")
	if in, err := checkedPrefix(ctx, prefix); err == nil {
		return in, nil
	}
	unlock, err := lockCache(ctx, options)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if in, err := checkedPrefix(ctx, prefix); err == nil {
		return in, nil
	}
	removeLeftovers(options)
	packages, err := providePackages(ctx, options)
	if err != nil {
		return nil, err
	}
	return install(ctx, options, packages, prefix)
}

// removeLeftovers removes what an installer that was killed left unfinished.
// The caller holds the lock, so no other installer is at work on them.
func removeLeftovers(options Options) {
	for _, pattern := range []string{"apt-*", "packages.new-*", "server.new-*", "template.new-*"} {
		leftovers, err := filepath.Glob(filepath.Join(options.Cache, pattern))
		if err != nil {
			continue
		}
		for _, leftover := range leftovers {
			if err := os.RemoveAll(leftover); err != nil {
				options.say("an unfinished installation stays: %v", err)
			}
		}
	}
}

func checkedPrefix(ctx context.Context, prefix string) (*Installation, error) {
	in, err := fromPrefix(prefix)
	if err != nil {
		return nil, err
	}
	return in, in.check(ctx)
}

// providePackages answers the kept packages, downloading them first when they
// are not there or not whole.
func providePackages(ctx context.Context, options Options) ([]string, error) {
	kept := filepath.Join(options.Cache, "packages")
	if packages, err := keptPackages(kept); err == nil {
		return packages, nil
	}
	options.say("no MySQL on this machine: installing one below %s", options.Cache)
	if err := fetchPackages(ctx, options, kept, needed, "mysql-server-core", "mysql-client-core"); err != nil {
		return nil, fmt.Errorf("mysqld: %w, and none could be installed: %w; or %s", ErrNoServer, err, nextStep)
	}
	return keptPackages(kept)
}

// fetchPackages downloads packages and keeps those that are wanted.
func fetchPackages(ctx context.Context, options Options, kept string, wanted func(string) bool, names ...string) error {
	state, err := os.MkdirTemp(options.Cache, "apt-")
	if err != nil {
		return fmt.Errorf("mysqld: state of apt: %w", err)
	}
	defer func() { _ = os.RemoveAll(state) }()
	archive, err := openArchive(ctx, state, options)
	if err != nil {
		return err
	}
	downloaded, err := archive.download(ctx, options, names...)
	if err != nil {
		return err
	}
	return keepPackages(downloaded, kept, wanted)
}

// install builds the prefix beside its place and checks the server there
// before the rename that makes it visible.
func install(ctx context.Context, options Options, packages []string, prefix string) (*Installation, error) {
	options.say("unpacking %d packages into %s", len(packages), prefix)
	staging, err := os.MkdirTemp(options.Cache, "server.new-")
	if err != nil {
		return nil, fmt.Errorf("mysqld: install: %w", err)
	}
	defer func() { _ = os.RemoveAll(staging) }()
	if err := unpack(ctx, packages, staging); err != nil {
		return nil, err
	}
	if _, err := checkedPrefix(ctx, staging); err != nil {
		return nil, fmt.Errorf("mysqld: %w: the installed one does not run (%w): %s", ErrNoServer, err, nextStep)
	}
	if err := replaceDirectory(staging, prefix); err != nil {
		return nil, err
	}
	in, err := checkedPrefix(ctx, prefix)
	if err != nil {
		return nil, err
	}
	options.say("installed MySQL %s", in.Version)
	return in, nil
}
