package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/gtid"
)

// ErrPurged is returned when the server no longer has the binary log of a transaction that it executed.
var ErrPurged = errors.New("the server purged the binary log that holds them")

// fatalDumpError is the server's code for a dump that it cannot serve (ER_SOURCE_FATAL_ERROR_READING_BINLOG).
const fatalDumpError = 1236

// errEnough ends a dump early.
var errEnough = errors.New("enough")

// Scan tells the visitor what is in the transactions that the server has in its binary log and that are not in exclude,
// in its commit order, until the end of the log as it is at this moment; see [decode.Scan]. The exclusion must contain
// whatever the server has purged, else the error wraps ErrPurged. Of files only transactions that are whole come, and the
// error wraps files.ErrIncomplete after all of these.
func Scan(ctx context.Context, from Endpoint, exclude gtid.Set, visitor decode.Visitor) error {
	s, err := from.open(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	scanner := decode.NewScanner(visitor)
	if err := s.dump(ctx, exclude, scanner); err != nil {
		return err
	}
	return scanner.Close()
}

// dump asks for everything outside the exclusion and gives the sink each event that belongs to the log itself. It
// returns nil at the end of the log, or when the sink returned errEnough.
func (s *session) dump(ctx context.Context, exclude gtid.Set, to files.Sink) error {
	if err := s.announce(); err != nil {
		return err
	}
	if err := s.request(exclude); err != nil {
		return err
	}
	in := newPackets(s.Conn.Conn.Conn) // Nothing was answered yet, so that the library holds no byte of what comes.
	for {
		err := in.next()
		switch {
		case err != nil:
			return s.broken(ctx, err)
		case in.status == mysql.EOF_HEADER:
			return nil
		case in.status != mysql.OK_HEADER:
			return s.refused(ctx, in)
		}
		if err := in.event(to); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return s.broken(ctx, err)
		}
	}
}

// broken names the server in an error, and prefers the context's reason for a connection that it cut.
func (s *session) broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("capture: dump of %s: %w", s.server, err)
}

// refused reads an error packet.
func (s *session) refused(ctx context.Context, in *packets) error {
	packet, err := in.whole()
	if err != nil {
		return s.broken(ctx, err)
	}
	err = s.HandleErrorPacket(packet)
	var failure *mysql.MyError
	if errors.As(err, &failure) && failure.Code == fatalDumpError {
		return fmt.Errorf("capture: dump of %s: %w: %w", s.server, ErrPurged, err)
	}
	return fmt.Errorf("capture: dump of %s: %w", s.server, err)
}

// request sends COM_BINLOG_DUMP_GTID with the flags that make the server answer from the start of its log and end
// the stream where the log ends. The library's own command leaves the second one out: its stream never ends.
func (s *session) request(exclude gtid.Set) error {
	set, err := encoded(exclude)
	if err != nil {
		return err
	}
	const firstPosition = 4
	command := make([]byte, 4, 64+len(set)) // The packet header is filled in by the connection.
	command = append(command, mysql.COM_BINLOG_DUMP_GTID)
	command = binary.LittleEndian.AppendUint16(command, replication.BINLOG_DUMP_NON_BLOCK|replication.BINLOG_THROUGH_GTID)
	command = binary.LittleEndian.AppendUint32(command, 0) // The server id; zero is not a replica's.
	command = binary.LittleEndian.AppendUint32(command, 0) // The length of the file name.
	command = binary.LittleEndian.AppendUint64(command, firstPosition)
	command = binary.LittleEndian.AppendUint32(command, uint32(len(set)))
	command = append(command, set...)
	s.ResetSequence()
	if err := s.WritePacket(command); err != nil {
		return fmt.Errorf("capture: dump of %s: %w", s.server, err)
	}
	return nil
}
