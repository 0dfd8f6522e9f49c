package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// ErrOrder is returned where the order of the files and what they say was logged before them contradict.
	ErrOrder = errors.New("the files are not in the order in which they were written")
	// ErrServer is returned for files of another server, or of several.
	ErrServer = errors.New("the files are not of one server")
	// ErrMissing is returned for what lies in files that are not there.
	ErrMissing = errors.New("a file of the sequence is missing")
)

// Log is the binary log files of one server, or the relay log files of one channel, oldest first.
type Log struct {
	// Dir is where the files are.
	Dir   string
	Files []File
	// UUID is the server's own, from auto.cnf; empty where that is not there.
	UUID string
	// own is the log that a replica writes itself, where this is its relay log and that stands beside it; else nil.
	own *Log
	// absent are the names of files that belong into the sequence and are not there, in order.
	absent []string
}

// Open reads the heads of the files of a directory, or of those that an index file lists. It returns an error where
// there is no log (ErrNoLog), where there are several and none was chosen, and where the files are no sequence
// (ErrOrder, ErrServer). A file that is missing, unreadable or encrypted is an error only where it is needed later.
func Open(place string) (*Log, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, fmt.Errorf("files: %w", explained(err))
	}
	l := &Log{Dir: place}
	index := ""
	if !info.IsDir() {
		l.Dir, index = filepath.Split(place)
		l.Dir = filepath.Clean(l.Dir)
	}
	names, err := l.names(index)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		l.Files = append(l.Files, inspect(l.Dir, name))
	}
	if l.UUID, err = ownUUID(l.Dir); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	return l, l.beside()
}

// beside opens the server's own log beside a relay log: what a replica had executed is written there.
func (l *Log) beside() error {
	if !l.newest().relay {
		return nil
	}
	there, err := l.groups()
	if err != nil {
		return err
	}
	base, err := l.choose(there)
	if err != nil || inspect(l.Dir, there[base][0]).relay {
		return nil //nolint:nilerr // There is no such log, or no way to tell which: then the relay log is all there is.
	}
	l.own, err = Open(l.Dir)
	return err
}

// numbered is the name of a file as a server makes it.
var numbered = regexp.MustCompile(`^(.+)\.(\d{6,})$`)

// number is the number in a name; -1 where it has none.
func number(name string) int {
	m := numbered.FindStringSubmatch(name)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return -1
	}
	return n
}

// names lists the files that are there, in order, and remembers those that are not.
func (l *Log) names(index string) ([]string, error) {
	there, err := l.groups()
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(index, ".index")
	if index == "" {
		if base, err = l.choose(there); err != nil {
			return nil, err
		}
		index = base + ".index"
	}
	listed, err := l.listed(index)
	if err != nil {
		return nil, err
	}
	all := l.sequence(listed, there[base])
	present := slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		_, err := os.Lstat(filepath.Join(l.Dir, name))
		return err != nil
	})
	for _, name := range all {
		if !slices.Contains(present, name) {
			l.absent = append(l.absent, name)
		}
	}
	if len(present) == 0 {
		return nil, fmt.Errorf("files: %s: none of the files that %s lists is there: %w", l.Dir, index, ErrNoLog)
	}
	return present, nil
}

// groups are the names of the numbered files, by what stands before the number.
func (l *Log) groups() (map[string][]string, error) {
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		return nil, fmt.Errorf("files: %w", explained(err))
	}
	out := map[string][]string{}
	for _, entry := range entries {
		if m := numbered.FindStringSubmatch(entry.Name()); m != nil && !entry.IsDir() {
			out[m[1]] = append(out[m[1]], entry.Name())
		}
	}
	return out, nil
}

// choose finds the one log of a directory. A relay log gives way to the server's own log.
func (l *Log) choose(there map[string][]string) (string, error) {
	var own, relay []string
	for _, base := range slices.Sorted(maps.Keys(there)) {
		switch head := inspect(l.Dir, there[base][0]); {
		case errors.Is(head.err, ErrNoLog):
		case head.relay:
			relay = append(relay, base)
		default:
			own = append(own, base)
		}
	}
	if len(own) == 0 {
		own = relay
	}
	switch len(own) {
	case 0:
		return "", fmt.Errorf("files: %s: %w: there is no file of that kind with a number behind its name, such as binlog.000001", l.Dir, ErrNoLog)
	case 1:
		return own[0], nil
	}
	return "", fmt.Errorf("files: %s holds several logs (%s); name the index file of one, such as %s",
		l.Dir, strings.Join(own, ", "), filepath.Join(l.Dir, own[0]+".index"))
}

// listed reads an index file: one path on each line, as on the server that wrote it. There may be none.
func (l *Log) listed(index string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(l.Dir, index))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("files: %w", explained(err))
	}
	var out []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		name := path.Base(strings.ReplaceAll(line, `\`, "/"))
		if name == "." || name == "/" || slices.Contains(out, name) {
			return nil, fmt.Errorf("files: %s is no index of a binary log, or lists %s twice: %w",
				filepath.Join(l.Dir, index), name, ErrNoLog)
		}
		out = append(out, name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("files: %s: %w", filepath.Join(l.Dir, index), err)
	}
	return out, nil
}

// sequence is what the index lists, else all that is there by number, with the numbers that are skipped. Newer files
// than the index knows are taken: the index may have been copied first.
func (l *Log) sequence(listed, there []string) []string {
	slices.SortFunc(there, func(a, b string) int { return number(a) - number(b) })
	out := slices.Clone(listed)
	last := -1
	for _, name := range listed {
		last = max(last, number(name))
	}
	for _, name := range there {
		n := number(name)
		if n <= last {
			continue
		}
		for skipped := last + 1; last >= 0 && skipped < n; skipped++ {
			out = append(out, spelledLike(name, skipped))
		}
		out, last = append(out, name), n
	}
	return out
}

// spelledLike is a name of the same sequence with another number.
func spelledLike(name string, n int) string {
	return fmt.Sprintf("%s.%06d", numbered.FindStringSubmatch(name)[1], n)
}

// ownUUID reads the server_uuid of a data directory; empty where there is no auto.cnf.
func ownUUID(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "auto.cnf"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("files: %w", explained(err))
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.ReplaceAll(strings.TrimSpace(name), "-", "_") == "server_uuid" {
			return strings.ToLower(strings.TrimSpace(value)), nil
		}
	}
	return "", nil
}

// check wants the files to be one sequence of one server: what was logged before must grow from file to file.
func (l *Log) check() error {
	var before *File
	for i := range l.Files {
		f := &l.Files[i]
		if f.err != nil {
			continue
		}
		if before != nil && before.server != f.server && !l.joined(before, f) {
			return fmt.Errorf("files: %s: %w: %s was written with server_id %d and %s with %d, and the one does not go on where "+
				"the other ends; give each server a directory of its own", l.Dir, ErrServer, before.Name, before.server, f.Name, f.server)
		}
		if before != nil && !f.Previous.Contains(before.Previous) {
			return fmt.Errorf("files: %s: %w: before %s there was logged what was not yet logged before %s (%s); give them "+
				"the names that they had on the server, or list them in order in an index file",
				l.Dir, ErrOrder, before.Name, f.Name, before.Previous.Subtract(f.Previous))
		}
		before = f
	}
	return nil
}

// joined says whether a file begins exactly where another ends: then one server wrote both, which got another
// server_id between them, as the copy of a server does.
func (l *Log) joined(f, next *File) bool {
	found, err := l.tail(f)
	return err == nil && next.Previous.Equal(f.Previous.Union(found.set))
}

// newest is the last file; its error says why it cannot be read.
func (l *Log) newest() *File { return &l.Files[len(l.Files)-1] }
