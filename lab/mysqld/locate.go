package mysqld

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoServer says that this machine has no MySQL server and that none could
// be installed. The message names the next step.
var ErrNoServer = errors.New("no MySQL server")

// nextStep is what a person does when nothing can be installed.
const nextStep = "install MySQL 8.4 or later and put mysqld on PATH, or set REGENT_MYSQL to its path"

// Options says where to look for a server.
type Options struct {
	// Binary is the path of a mysqld that the user named; it wins.
	Binary string
	// Cache is the directory for installed servers; empty is CacheDirectory.
	Cache string
	// Progress receives a line per step that takes time; nil discards them.
	Progress io.Writer
}

// FromEnvironment is the Options of a user's environment: REGENT_MYSQL names
// the server and XDG_CACHE_HOME moves the cache.
func FromEnvironment(progress io.Writer) Options {
	return Options{Binary: os.Getenv("REGENT_MYSQL"), Progress: progress}
}

// CacheDirectory is where servers and templates are kept across runs and
// clones of the project: regent/mysql below the user's cache directory.
func CacheDirectory() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("mysqld: cache directory: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(base, "regent", "mysql"), nil
}

// Locate answers a server that runs on this machine: the one in Options.Binary,
// else a MySQL on PATH, else one installed in the cache, else it installs one
// there. A named binary that cannot be used is an error, wrapping ErrNotMySQL;
// a MariaDB on PATH is passed over with a line of progress. When nothing can be
// installed the error wraps ErrNoServer.
func Locate(ctx context.Context, options Options) (*Installation, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	if options.Binary != "" {
		return named(ctx, options.Binary)
	}
	if found := onPath(ctx, options); found != nil {
		return found, nil
	}
	return installed(ctx, options)
}

func (o Options) complete() (Options, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Cache != "" {
		return o, nil
	}
	var err error
	o.Cache, err = CacheDirectory()
	return o, err
}

// say writes one line of progress; a reader that went away is no reason to stop.
func (o Options) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(o.Progress, "mysql: "+format+"\n", arguments...)
}

func named(ctx context.Context, binary string) (*Installation, error) {
	in, err := fromBinary(binary)
	if err == nil {
		err = in.check(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("mysqld: REGENT_MYSQL=%s: %w; name a mysqld of MySQL 8.4 or later, or unset it", binary, err)
	}
	return in, nil
}

func onPath(ctx context.Context, options Options) *Installation {
	path, err := exec.LookPath("mysqld")
	if err != nil {
		return nil
	}
	in, err := fromBinary(path)
	if err == nil {
		err = in.check(ctx)
	}
	if err != nil {
		options.say("passing over %s: %v", path, err)
		return nil
	}
	return in
}
