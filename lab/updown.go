package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/regentdb/regent/lab/fabric"
	"github.com/regentdb/regent/lab/mysqld"
)

// ErrRunning says that a lab runs in a directory already.
var ErrRunning = errors.New("a lab runs here already")

// upWithin bounds a bring-up as a whole.
const upWithin = 4 * time.Minute

// Start makes a lab held by a process of its own, `regent lab supervise` of
// Options.Exe, and returns when it is up. When ctx ends first, or the lab does
// not come up, nothing is left but the logs.
func Start(ctx context.Context, options Options) (*Client, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	if options.Exe == "" {
		return nil, fmt.Errorf("lab: %w: the regent binary is not named", ErrTopology)
	}
	c, err := Open(ctx, options.Dir)
	switch {
	case err == nil:
		return nil, fmt.Errorf("lab: %s: %w; end it with `regent lab down --dir %s`", c.Dir(), ErrRunning, c.Dir())
	case !errors.Is(err, ErrNoLab):
		return nil, err
	}
	// What a crashed lab left behind is in the way of a new one.
	if err := Down(ctx, options.Dir); err != nil {
		return nil, err
	}
	if c, err = launch(ctx, options); err != nil {
		return nil, err
	}
	if err := c.awaitUp(ctx, options); err != nil {
		return nil, errors.Join(err, Down(context.WithoutCancel(ctx), options.Dir))
	}
	return c, nil
}

// launch installs MySQL where it is missing, which a person may watch, and
// starts the supervisor in a session of its own.
func launch(ctx context.Context, options Options) (*Client, error) {
	where, err := openLayout(options.Dir)
	if err != nil {
		return nil, err
	}
	installation, err := mysqld.Locate(ctx, options.MySQL)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if _, err := mysqld.Prepare(ctx, installation, options.MySQL); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	// The logs of an earlier lab would be taken for this one's.
	if err := os.RemoveAll(where.path("logs")); err != nil {
		return nil, fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	if err := where.create(); err != nil {
		return nil, err
	}
	if err := saveSpec(where, options); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(where.log("supervisor"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lab: %w: %w", ErrDirectory, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(options.Exe, "lab", "supervise", "--dir", where.dir) //nolint:noctx // it outlives this command.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), membership(where))
	if options.MySQL.Binary != "" {
		cmd.Env = append(cmd.Env, "REGENT_MYSQL="+options.MySQL.Binary)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := fabric.PrepareSupervisor(ctx, cmd); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: start the supervisor: %w", err)
	}
	// Nobody waits for it in this process, which may end before it does.
	if err := cmd.Process.Release(); err != nil {
		return nil, fmt.Errorf("lab: start the supervisor: %w", err)
	}
	return newClient(where), nil
}

// goneAfter is how often in a row a supervisor that does not answer must not be found before it counts as
// ended: in the moments in which it becomes another program the kernel shows none of what it is known by.
const goneAfter = 10

// awaitUp passes the bring-up's progress on until it is done.
func (c *Client) awaitUp(ctx context.Context, options Options) error {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	shown, unseen := 0, 0
	var failed error
	err := poll(ctx, 50*time.Millisecond, func() error {
		p, err := c.progress(ctx)
		if err != nil {
			if found, _ := members(c.layout); len(found) > 0 {
				unseen = 0
			} else if unseen++; unseen >= goneAfter {
				failed = fmt.Errorf("lab: %w: its supervisor ended: %s", ErrBringUp, lastLines(c.layout.log("supervisor")))
				return nil
			}
			return err
		}
		for ; shown < len(p.Lines); shown++ {
			options.say("%s", p.Lines[shown])
		}
		if p.Error != "" {
			failed = errors.New(p.Error)
		}
		if p.Done {
			return nil
		}
		return errStarting
	})
	return errors.Join(failed, err)
}

// Down ends the lab in a directory: every process that it started, and with
// them its namespaces, and its files but the logs. It works as well after a
// crash of the supervisor, and does nothing where there is no lab.
func Down(ctx context.Context, dir string) error {
	where, err := openLayout(dir)
	if err != nil {
		return err
	}
	if _, err := loadSpec(where); errors.Is(err, ErrNoLab) {
		return sweep(ctx, where)
	}
	c := newClient(where)
	if err := c.do(ctx, "/down", target{}); err == nil {
		// It ends its lab in order; what takes longer is killed.
		c.awaitEnd(ctx)
	}
	return errors.Join(sweep(ctx, where), where.remove())
}

// awaitEnd waits a while for the supervisor and everything of its lab to end.
func (c *Client) awaitEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = poll(ctx, 20*time.Millisecond, func() error {
		found, err := members(c.layout)
		if err == nil && len(found) > 0 {
			err = fmt.Errorf("processes %v run", found)
		}
		return err
	})
}
