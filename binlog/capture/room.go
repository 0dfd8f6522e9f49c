package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/durable"
	"github.com/regentdb/regent/gtid"
)

// ErrRoom is returned where what is wanted does not fit into the directory. Nothing is begun then, or what came until
// then is kept.
var ErrRoom = errors.New("not enough room")

// ReportFactor is how many times the size of what was captured a comparison may need besides, for its temporary files
// and the report. It is an estimate: rows are written out as text, with their state before, after and now.
const ReportFactor = 4

// roomEvery is how many bytes are written before the room is looked at again: others write on the same disk.
const roomEvery = 16 << 20

// NoRoom says how much is needed for something, how much there is and what to do.
func NoRoom(what, dir string, need int64, room durable.Room) error {
	return fmt.Errorf("%w for %s: %s needed in %s, %s free of which %s stay free; free space there or enlarge the file "+
		"system, then capture again", ErrRoom, what, mebibytes(need), dir, mebibytes(room.Free), mebibytes(room.Reserve))
}

// mebibytes rounds up.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", math.Ceil(float64(n)/(1<<20)*10)/10) }

// fits makes sure, before anything is written, that the wanted transactions and a report about them have room. The size
// of the files that may hold them is known at once; only where that is too much they are counted one by one.
func (r Request) fits(ctx context.Context, source Source, o origin, exclude, wanted gtid.Set) error {
	if r.Room == nil {
		return nil
	}
	room, err := r.Room(r.Dir)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	bound, err := o.bound(wanted)
	if err == nil && room.Holds(bound*(1+ReportFactor)) {
		return nil
	}
	size, err := measure(ctx, source, exclude, wanted)
	if err != nil {
		return nil //nolint:nilerr // What keeps them from being read is found, and said, by the copy itself.
	}
	if need := size * (1 + ReportFactor); !room.Holds(need) {
		return fmt.Errorf("capture: %s: %w", source.Server,
			NoRoom(fmt.Sprintf("%s of binary log and the report about it", mebibytes(size)), r.Dir, need, room))
	}
	return nil
}

// stillFits tells while a copy is under way whether the disk has more than its reserve left.
func (r Request) stillFits() error {
	if r.Room == nil {
		return nil
	}
	room, err := r.Room(r.Dir)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	if !room.Holds(roomEvery) {
		return fmt.Errorf("capture: %w", NoRoom("the rest", r.Dir, roomEvery, room))
	}
	return nil
}

// measure reads the wanted transactions, on a connection of its own, and counts their bytes.
func measure(ctx context.Context, source Source, exclude, wanted gtid.Set) (int64, error) {
	o, err := source.open(ctx)
	if err != nil {
		return 0, err
	}
	defer o.release()
	m := meter{wanted: wanted, left: wanted.Count(), size: int64(len(decode.Magic))}
	err = o.dump(ctx, exclude, &m)
	return m.size, err
}

// meter counts the bytes of wanted transactions.
type meter struct {
	splitter decode.Splitter
	wanted   gtid.Set
	left     uint64
	size     int64
}

// Add counts an event.
func (m *meter) Add(e decode.Event) error {
	part, err := m.splitter.Add(e)
	if err != nil {
		return err
	}
	return m.count(part, int64(len(e)))
}

// AddFrom counts an event that is too long to be held.
func (m *meter) AddFrom(head decode.Event, in io.Reader) error {
	part, err := m.splitter.AddFrom(head, in, func(decode.Part) io.Writer { return io.Discard })
	if err != nil {
		return err
	}
	return m.count(part, head.Size())
}

func (m *meter) count(part decode.Part, bytes int64) error {
	if part.Tx == nil || !m.wanted.ContainsGTID(part.Tx.GTID) {
		return nil
	}
	m.size += bytes
	if part.Last {
		if m.left--; m.left == 0 {
			return errEnough
		}
	}
	return nil
}

// bound is the size of the newest files, back to the first that was begun before any of the wanted.
func (s *shelf) bound(wanted gtid.Set) (size int64, err error) {
	for i := len(s.log.Files) - 1; i >= 0; i-- {
		file := s.log.Files[i]
		info, err := os.Stat(filepath.Join(s.log.Dir, file.Name))
		if err != nil {
			return 0, fmt.Errorf("capture: %s: %w", s.endpoint.Server, err)
		}
		size += info.Size()
		if file.Previous.Intersect(wanted).IsEmpty() {
			break
		}
	}
	return size, nil
}

// bound asks the server for the same.
func (s *session) bound(wanted gtid.Set) (size int64, err error) {
	names, sizes, err := s.logs()
	if err != nil {
		return 0, fmt.Errorf("capture: %s: %w", s.server, err)
	}
	for i := len(names) - 1; i >= 0; i-- {
		size += sizes[i]
		before, err := s.previous(names[i])
		if err != nil {
			return 0, err
		}
		if before.Intersect(wanted).IsEmpty() {
			break
		}
	}
	return size, nil
}

// logs are the server's files and their sizes, oldest first.
func (s *session) logs() (names []string, sizes []int64, err error) {
	logs, err := s.Execute("SHOW BINARY LOGS")
	if err != nil {
		return nil, nil, err
	}
	defer logs.Close()
	for i := range logs.RowNumber() {
		name, errName := logs.GetString(i, 0)
		size, errSize := logs.GetInt(i, 1)
		if err := errors.Join(errName, errSize); err != nil {
			return nil, nil, err
		}
		names, sizes = append(names, strings.Clone(name)), append(sizes, size)
	}
	return names, sizes, nil
}

// previous is what was logged before a file of the server began.
func (s *session) previous(file string) (gtid.Set, error) {
	head, err := s.Execute("SHOW BINLOG EVENTS IN '" + mysql.Escape(file) + "' LIMIT 2")
	if err != nil {
		return gtid.Set{}, fmt.Errorf("capture: %s: %w", s.server, err)
	}
	defer head.Close()
	for i := range head.RowNumber() {
		kind, err := head.GetStringByName(i, "Event_type")
		if err != nil {
			return gtid.Set{}, fmt.Errorf("capture: %s: %w", s.server, err)
		}
		if kind != "Previous_gtids" {
			continue
		}
		text, err := head.GetStringByName(i, "Info")
		if err != nil {
			return gtid.Set{}, fmt.Errorf("capture: %s: %w", s.server, err)
		}
		return gtid.Parse(text)
	}
	return gtid.Set{}, fmt.Errorf("capture: %s: %s does not say what was logged before it", s.server, file)
}
