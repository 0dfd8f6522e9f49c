package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/binlog"
	"github.com/regentdb/regent/binlog/capture"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// captureOrder is what `regent report capture` was asked for.
type captureOrder struct {
	from, against source
	out, wanted   string
	logins        logins
}

func newReportCapture(c *console) *cobra.Command {
	var o captureOrder
	cmd := &cobra.Command{
		Use:   "capture --from SOURCE --out DIR [--wanted GTIDSET | --against SOURCE]",
		Short: "Copy transactions off a server or its binary log files",
		Long: `Copy transactions as raw binary log events into a directory of its own, with checksums and a manifest
that says what was wanted, what is there and what is not. No controller is needed. What to copy is a GTID
set (--wanted), what another side lacks (--against), or all there is.

` + sourceHelp + `

Of files, whatever is whole is taken. What is torn, damaged, encrypted or in a file that is not there is named
in the manifest, which then is incomplete (exit code 6). Repeat the command with the same --out when it broke
off or when missing files have been found: what is there already is verified and kept. A server that goes on
executing transactions while it is captured makes the manifest incomplete too: stop its writers first.`,
		Example: `  regent report capture --from /var/lib/mysql --out /srv/east-db1 --against repl@10.2.0.11:3306
  regent report capture --from repl@10.1.0.11 --password-file repl.password --out /srv/east-db1 \
      --wanted 3e11fa47-71ca-11e1-9e33-c80aa9429562:100-250`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.capture(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.from.text, "from", "", "the SOURCE to copy from")
	flags.StringVar(&o.from.uuid, "uuid", "", "the server_uuid that it must have (default: any)")
	flags.StringVar(&o.from.executed, "executed", "", "what it had executed besides what its files tell, as a server that was cloned has")
	flags.StringVar(&o.out, "out", "", "the directory to copy into; it is made for its owner only")
	flags.StringVar(&o.wanted, "wanted", "", "the GTID set to copy")
	flags.StringVar(&o.against.text, "against", "", "the SOURCE that lacks what is to be copied")
	flags.StringVar(&o.against.executed, "against-executed", "", "what --against had executed besides what its files tell")
	flags.StringVar(&o.against.passwordFile, "against-password-file", "", "file of the password for --against, where that is another")
	o.logins.flags(flags)
	o.from.flag, o.against.flag = "--from", "--against"
	return cmd
}

// capture carries the order out and shows the manifest.
func (c *console) capture(ctx context.Context, o captureOrder) error {
	if _, err := c.style(); err != nil {
		return err
	}
	switch {
	case o.out == "":
		return usage("name the directory to copy into with --out DIR")
	case o.wanted != "" && o.against.text != "":
		return usage("--wanted and --against both say what to copy; give one of them")
	}
	wanted, err := setOf("--wanted", o.wanted)
	if err != nil {
		return err
	}
	from, err := c.stand(ctx, o.from, o.logins)
	if err != nil {
		return err
	}
	var common gtid.Set
	switch {
	case o.against.text != "":
		against, err := c.stand(ctx, o.against, o.logins)
		if err != nil {
			return err
		}
		if err := related(from, against, o.from, o.against); err != nil {
			return err
		}
		wanted, common = from.Executed.Subtract(against.Executed), from.Executed.Intersect(against.Executed)
	case wanted.IsEmpty():
		wanted, common = from.Executed.Subtract(from.Purged), from.Purged
	default:
		common = from.Executed.Subtract(wanted)
	}
	m, err := c.captureInto(ctx, o.out, from, wanted, common)
	if err != nil {
		return err
	}
	if err := c.show(m, func(w io.Writer) error { return drawManifest(w, o.out, m) }); err != nil {
		return err
	}
	if !m.Complete {
		return fmt.Errorf("%w: %s", errIncomplete, m.Reason)
	}
	return nil
}

// captureInto copies into a directory that holds no capture of another source.
func (c *console) captureInto(ctx context.Context, dir string, from side, wanted, common gtid.Set) (binlog.Manifest, error) {
	earlier, err := capture.ReadManifest(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return earlier, err
	}
	for _, other := range earlier.Servers {
		if other.Server != from.Server {
			return earlier, usage("%s holds the capture of %s; choose another --out for %s", dir, other.Server, from.Server)
		}
	}
	return binlog.Capture(ctx, binlog.CaptureRequest{
		Servers: []binlog.Source{{Endpoint: from.Endpoint, Extra: wanted, Executed: from.Executed}},
		Common:  common, Dir: dir, Now: time.Now, Progress: c.progress(), Room: durable.RoomAt,
		Log: slog.New(slog.NewTextHandler(c.errs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

func drawManifest(w io.Writer, dir string, m binlog.Manifest) error {
	var b strings.Builder
	for _, s := range m.Servers {
		fmt.Fprintf(&b, "%s (server_uuid %s): %d of %s captured\n", s.Server, s.UUID,
			s.Captured.Count(), plural(int(s.Wanted.Count()), "transaction", "transactions"))
		for _, f := range s.Files {
			fmt.Fprintf(&b, "  %s/%s: %s, %d bytes, sha256 %s\n", dir, f.Name, plural(f.Transactions, "transaction", "transactions"), f.Size, f.SHA256)
		}
	}
	if !m.Captured.IsEmpty() {
		fmt.Fprintf(&b, "  captured: %s\n", m.Captured)
	}
	if m.Complete {
		b.WriteString("complete\n")
	} else {
		fmt.Fprintf(&b, "INCOMPLETE: %s\n", m.Reason)
	}
	return printf(w, "%s", b.String())
}
