package mysqld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Installation is a MySQL server and its client on this machine, checked to run.
type Installation struct {
	Version Version
	// Origin says where the server came from, for people.
	Origin string
	// Prefix is the private prefix, empty for a server of the system.
	Prefix string

	server []string
	client []string
	flags  []string
}

// ServerCommand is the argument vector that runs mysqld with arguments. The
// defaults file has to stand first, so it is a parameter of its own.
func (in *Installation) ServerCommand(defaultsFile string, arguments ...string) []string {
	command := slices.Concat(in.server, []string{"--defaults-file=" + defaultsFile}, in.flags, arguments)
	if os.Geteuid() == 0 {
		command = append(command, "--user=root")
	}
	return command
}

// ClientCommand is the argument vector that runs the mysql command-line client.
func (in *Installation) ClientCommand(arguments ...string) []string {
	return slices.Concat(in.client, arguments)
}

// fromPrefix describes the server in a private prefix, which runs through the
// prefix's own loader: the machine's C library may be older than the packages'.
// An LD_LIBRARY_PATH instead would break every other program that mysqld starts.
func fromPrefix(prefix string) (*Installation, error) {
	loaders, err := filepath.Glob(filepath.Join(prefix, "usr/lib/*-linux-gnu*/ld-linux-*.so.*"))
	if err != nil || len(loaders) != 1 {
		return nil, fmt.Errorf("mysqld: %s holds %d dynamic loaders instead of one", prefix, len(loaders))
	}
	run := func(binary string) []string {
		return []string{loaders[0], "--library-path", filepath.Dir(loaders[0]), filepath.Join(prefix, binary)}
	}
	return &Installation{
		Prefix: prefix,
		Origin: "private prefix " + prefix,
		server: run("usr/sbin/mysqld"),
		client: run("usr/bin/mysql"),
		flags: []string{
			"--basedir=" + filepath.Join(prefix, "usr"),
			"--lc-messages-dir=" + filepath.Join(prefix, "usr/share/mysql"),
			"--plugin-dir=" + filepath.Join(prefix, "usr/lib/mysql/plugin"),
		},
	}, nil
}

// fromBinary describes a server that the machine already has. The client is
// looked for beside the server, where tarballs keep it, and then on PATH.
func fromBinary(path string) (*Installation, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("mysqld: %s: %w", path, err)
	}
	in := &Installation{Origin: absolute, server: []string{absolute}}
	directory := filepath.Dir(absolute)
	for _, client := range []string{
		filepath.Join(directory, "mysql"),
		filepath.Join(filepath.Dir(directory), "bin", "mysql"),
		"mysql",
	} {
		if found, err := exec.LookPath(client); err == nil {
			in.client = []string{found}
			return in, nil
		}
	}
	return nil, fmt.Errorf("mysqld: %s has no mysql client beside it or on PATH; install the client of the same version", absolute)
}

// check runs the server and the client once and fills in the version.
func (in *Installation) check(ctx context.Context) error {
	answer, err := output(ctx, append(slices.Clone(in.server), "--no-defaults", "--version"))
	if err != nil {
		return err
	}
	in.Version, err = ParseVersion(answer)
	if err != nil {
		return fmt.Errorf("mysqld: %s: %w", in.Origin, err)
	}
	answer, err = output(ctx, append(slices.Clone(in.client), "--no-defaults", "--version"))
	if err != nil {
		return err
	}
	if strings.Contains(answer, "MariaDB") {
		return fmt.Errorf("mysqld: %s: %w: its client is MariaDB's", in.Origin, ErrNotMySQL)
	}
	return nil
}

// output runs a command and answers its standard output; the error carries the
// end of its standard error, where programs say what went wrong.
func output(ctx context.Context, command []string) (string, error) {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
	if err == nil {
		return string(out), nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return "", fmt.Errorf("mysqld: run %s: %w: %s", programName(command), err, tail(string(exit.Stderr), 6))
	}
	return "", fmt.Errorf("mysqld: run %s: %w", programName(command), err)
}

// programName is the program that a command runs, skipping a dynamic loader.
func programName(command []string) string {
	if len(command) > 3 && command[1] == "--library-path" {
		return command[3]
	}
	return command[0]
}

// tail answers the last lines of text on one line.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, " | ")
}
