package files

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/regentdb/regent/gtid"
)

// Standing is what the files say of their server.
type Standing struct {
	// UUID is the server's own, from auto.cnf; empty where that is not there.
	UUID string
	// Own are the UUIDs of the transactions of the newest file that the server committed first itself: its own, as a
	// rule the only one. Empty where there are none, as in the files of a replica.
	Own []string
	// Executed is what it had logged, transactions included that are torn or lie in a missing file. Of a relay log it
	// is what the replica received, and what is in its own log where that stands beside it.
	Executed gtid.Set
	// Purged is what was logged before the oldest file.
	Purged gtid.Set
	// Unknown says what may be missing beyond Executed, one reason each: nobody can name it.
	Unknown []string
}

// Standing reads the newest file from transaction to transaction. It returns an error where that cannot be read, as
// then nobody can say what the server had.
func (l *Log) Standing() (Standing, error) {
	oldest, newest := &l.Files[0], l.newest()
	out := Standing{UUID: l.UUID}
	if newest.err != nil {
		return out, fmt.Errorf("%w (it is the newest file, without which nobody knows what the server had)", newest.err)
	}
	if oldest.err == nil {
		out.Purged = oldest.Previous
	}
	found, err := l.tail(newest)
	if err != nil {
		return out, err
	}
	out.Executed = newest.Previous.Union(found.set)
	if l.own != nil {
		own, err := l.own.Standing()
		if err != nil {
			return out, err
		}
		out.Executed = out.Executed.Union(own.Executed)
	}
	out.Unknown = append(found.unknown, l.after(found.next)...)
	out.Own = slices.Sorted(maps.Keys(found.own))
	return out, nil
}

// contents is what one file holds.
type contents struct {
	set     gtid.Set
	unknown []string
	// own are the UUIDs of transactions that the server committed first itself.
	own  map[string]bool
	next string
}

func (l *Log) tail(f *File) (out contents, err error) {
	w, err := l.walk(f)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, w.file.Close()) }()
	out.own = map[string]bool{}
	var all Collector
	for {
		s, more, err := w.step()
		if err != nil {
			return out, err
		}
		if !more {
			break
		}
		if (s.id == gtid.GTID{}) {
			out.unknown = append(out.unknown, s.damage)
			continue
		}
		all.Add(s.id)
		if !f.relay && s.server == f.server {
			out.own[s.id.UUID] = true
		}
	}
	if !f.relay { // In a relay log the names are those of the source.
		out.next = w.next
	}
	out.set, err = all.Set()
	return out, err
}

// after says which files must exist behind the newest one.
func (l *Log) after(next string) []string {
	newest := l.newest().Name
	var missing []string
	for _, name := range l.absent {
		if number(name) > number(newest) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return []string{fmt.Sprintf("%s: %s, behind %s; what it holds is not known", ErrMissing, strings.Join(missing, ", "), newest)}
	}
	if next != "" {
		return []string{fmt.Sprintf("%s: %s ends by going on in %s; what that holds is not known", ErrMissing, newest, next)}
	}
	return nil
}

// Place is where in a log something begins.
type Place struct {
	// File is the name of the file, Offset the place in it, in bytes.
	File   string
	Offset int64
	// First is the transaction there; the zero GTID where the log ends.
	First gtid.GTID
}

// Locate finds where the log leaves a set: the first transaction outside of it, in the newest file before which all
// was inside. It is found by the heads of the files and by hopping through one or few of them.
func (l *Log) Locate(common gtid.Set) (Place, error) {
	for i := l.startOf(common); i < len(l.Files); i++ {
		place, found, err := l.locateIn(&l.Files[i], common)
		if found || err != nil || i == len(l.Files)-1 {
			return place, err
		}
	}
	return Place{}, nil
}

func (l *Log) locateIn(f *File, common gtid.Set) (place Place, found bool, err error) {
	w, err := l.walk(f)
	if err != nil {
		return place, false, err
	}
	defer func() { err = errors.Join(err, w.file.Close()) }()
	for {
		s, more, err := w.step()
		if err != nil || !more {
			return Place{File: f.Name, Offset: w.at}, false, err
		}
		if !common.ContainsGTID(s.id) {
			return Place{File: f.Name, Offset: s.at, First: s.id}, true, nil
		}
	}
}

// startOf is the index of the newest file before which nothing outside the set was logged; 0 where there is none.
func (l *Log) startOf(common gtid.Set) int {
	for i := len(l.Files) - 1; i > 0; i-- {
		if f := &l.Files[i]; f.err == nil && common.Contains(f.Previous) {
			return i
		}
	}
	return 0
}
