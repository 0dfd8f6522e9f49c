package main

import (
	"io"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regentdb/regent/app"
	"github.com/regentdb/regent/config"
)

// garbagePercent spends memory for time: a node lives in a few megabytes, and collects garbage most often when many
// probes and reports come at once, which is when a recovery needs the processor.
const garbagePercent = 400

func newServeCommand(c *console) *cobra.Command {
	var path, level, format string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run a node",
		Long: `Run a node of the group: watch the declared servers, take part in decisions, and answer the API. The
node runs until it is told to end by SIGTERM or an interrupt, and then hands its leadership over. The
databases go on without it.`,
		Example: "  regent serve --config /etc/regent/node.yaml",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := newLogger(c.errs, level, format)
			if err != nil {
				return err
			}
			node, err := c.loadNode(path)
			if err != nil {
				return err
			}
			trap, err := newTrap(cmd.Context(), c.env(trapVariable), logger)
			if err != nil {
				return err
			}
			if c.env("GOGC") == "" {
				debug.SetGCPercent(garbagePercent)
			}
			service, err := app.New(cmd.Context(), node, app.Options{
				Logger: logger, Version: thisRelease().Version, NotifySocket: c.env("NOTIFY_SOCKET"), Trap: trap,
			})
			if err != nil {
				return err
			}
			return service.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the node file")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	cmd.Flags().StringVar(&format, "log-format", "text", "text or json")
	return cmd
}

// loadNode reads the node file and passes its warnings on.
func (c *console) loadNode(path string) (config.NodeFile, error) {
	if path == "" {
		return config.NodeFile{}, usage("name the node file with --config FILE")
	}
	node, warnings, err := config.LoadNode(path)
	for _, w := range warnings {
		writeLine(c.errs, "regent: warning: "+w.String())
	}
	return node, err
}

func newLogger(out io.Writer, level, format string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var at slog.Level
	if err := at.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		return nil, usage("--log-level %s is unknown; use debug, info, warn or error", level)
	}
	options.Level = at
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(out, &options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, &options)), nil
	}
	return nil, usage("--log-format %s is unknown; use text or json", format)
}
