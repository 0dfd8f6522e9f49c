package trial

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Points of a recovery (package controller says which there are) are named after what a server is to the
// cluster, so that they mean the same in every run: the servers beside the primary in its region are
// home-1, home-2 and so on, in the order in which they are declared. Where a kind of action concerns one
// of them only, its points name none.

// roles names the servers in points while one of them is the primary that will be lost.
func (w *World) roles(primary string) map[string]string {
	names := map[string]string{}
	for i, name := range slices.DeleteFunc(w.Servers(w.Region(primary)), func(s string) bool { return s == primary }) {
		names[name] = fmt.Sprintf("home-%d", i+1)
	}
	return names
}

// relative renames the server of a point.
func relative(point string, roles map[string]string) string {
	head, server := cutServer(point)
	if role, ok := roles[server]; ok {
		return head + ":" + role
	}
	return point
}

// absolute gives the server of a point its name back.
func absolute(point string, roles map[string]string) string {
	head, role := cutServer(point)
	for server, name := range roles {
		if name == role {
			return head + ":" + server
		}
	}
	return point
}

// cutServer parts MOMENT:KIND:SERVER into the head and the server, which points of commits lack.
func cutServer(point string) (head, server string) {
	parts := strings.SplitN(point, ":", 3)
	if len(parts) < 3 || parts[1] == "commit" {
		return point, ""
	}
	return parts[0] + ":" + parts[1], parts[2]
}

// ofRecovery leaves out the outcomes of actions that had begun before the recovery.
func ofRecovery(points []string) []string {
	return slices.DeleteFunc(slices.Clone(points), func(p string) bool {
		step, outcome := strings.CutPrefix(p, "received:")
		return outcome && !slices.Contains(points, "before:"+step)
	})
}

// fold makes a recorded run into a list of points, in the order in which they came first: renamed, and
// without the server where not every server of the home region had that action.
func fold(passed []string, roles map[string]string) []string {
	servers := map[string][]string{}
	for _, p := range passed {
		head, server := cutServer(p)
		servers[head] = append(servers[head], server)
	}
	var points []string
	for _, p := range passed {
		head, server := cutServer(p)
		for name := range roles {
			if server != "" && !slices.Contains(servers[head], name) {
				p = head
			}
		}
		if p = relative(p, roles); !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	return points
}

// logged is a line of a node's log.
type logged map[string]string

// assignment is a key and its value as slog writes them.
var assignment = regexp.MustCompile(`([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)`)

// readLog reads a node's log from an offset.
func readLog(path string, from int64) ([]logged, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trial: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return nil, fmt.Errorf("trial: %w", err)
	}
	var lines []logged
	for reader := bufio.NewReader(file); ; {
		text, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return lines, nil // a line without an end is still being written
		}
		if err != nil {
			return nil, fmt.Errorf("trial: %w", err)
		}
		line := logged{}
		for _, m := range assignment.FindAllStringSubmatch(text, -1) {
			line[m[1]] = m[2]
			if value, err := strconv.Unquote(m[2]); err == nil {
				line[m[1]] = value
			}
		}
		lines = append(lines, line)
	}
}

// logSize is how long a log is now.
func logSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("trial: %w", err)
	}
	return info.Size(), nil
}

// passed lists the points that a log tells of.
func passed(lines []logged) []string {
	var points []string
	for _, l := range lines {
		if l["msg"] == "trap point" {
			points = append(points, l["point"])
		}
	}
	return points
}

// sprung answers where in a log a trap sprang, and at which point; -1 when it did not.
func sprung(lines []logged) (int, string) {
	for i, l := range lines {
		if l["msg"] == "trap sprung" {
			return i, l["point"]
		}
	}
	return -1, ""
}
