package main

import (
	"cmp"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is what runs.
type release struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Modified bool   `json:"modified"` // the sources differed from the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisRelease joins what was linked in with what the toolchain recorded.
func thisRelease() release {
	r := release{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		r.Version = cmp.Or(r.Version, "unknown")
		return r
	}
	r.Version = cmp.Or(r.Version, info.Main.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			r.Revision = s.Value
		case "vcs.modified":
			r.Modified = s.Value == "true"
		}
	}
	return r
}

func newVersionCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the release",
		Long:    "Show the release of this program, the revision of its sources and the Go release that built it.",
		Example: "  regent version -o json",
		Args:    takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			r := thisRelease()
			return c.show(r, func(w io.Writer) error {
				revision := cmp.Or(r.Revision, "unknown")
				if r.Modified {
					revision += ", modified"
				}
				return printf(w, "regent %s (revision %s, %s, %s)\n", r.Version, revision, r.Go, r.Platform)
			})
		},
	}
}
