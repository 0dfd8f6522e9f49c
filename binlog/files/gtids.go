package files

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// opening is what the event that opens a transaction says.
type opening struct {
	id gtid.GTID
	// server is the server_id of the server that committed it first.
	server uint32
	// length is that of the whole transaction in the file, in bytes.
	length int64
}

// opener reads opening events. It remembers the spelling of the last UUID, as most transactions of a file share one.
type opener struct {
	sid  [16]byte
	uuid string
}

// errOpening is the error for an opening event that contradicts itself.
var errOpening = fmt.Errorf("GTID event: %w", decode.ErrCorrupt)

// read reads an event without its checksum; header and body are those of one event.
func (o *opener) read(event, body []byte) (opening, error) {
	out := opening{server: binary.LittleEndian.Uint32(event[serverAt:])}
	var sid []byte
	var number int64
	var length uint64
	var err error
	if event[typeAt] == taggedGTIDEvent {
		var tagged decode.Tagged
		tagged, err = decode.ParseTagged(body)
		out.id.Tag = tagged.Tag
		sid, number, length = tagged.UUID[:], int64(tagged.Seq), tagged.Size
	} else {
		sid, number, length, err = plain(body)
	}
	if err != nil || len(sid) != len(o.sid) || number <= 0 || length < uint64(len(event)) || length > 1<<62 {
		return out, errOpening
	}
	out.id.UUID, out.id.Seq, out.length = o.spell(sid), uint64(number), int64(length)
	return out, nil
}

func (o *opener) spell(sid []byte) string {
	if now := [16]byte(sid); o.uuid == "" || now != o.sid {
		o.sid, o.uuid = now, spelled(sid)
	}
	return o.uuid
}

// spelled is a UUID as servers print it.
func spelled(sid []byte) string {
	text := hex.EncodeToString(sid)
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

// plain reads the fixed layout of an event without a tag (mysql::binlog::event::Gtid_event): flags, UUID, number, a
// code and two logical times, one or two commit times of seven bytes, and the length as a packed integer.
func plain(body []byte) (sid []byte, number int64, length uint64, err error) {
	const (
		sidAt, numberAt, codeAt, timeAt = 1, 17, 25, 42
		timeSize                        = 7
		twoTimes                        = 0x80 // in the last byte of the first time
		logicalCode                     = 2
	)
	if len(body) < timeAt+timeSize+1 || body[codeAt] != logicalCode {
		return nil, 0, 0, errOpening
	}
	lengthAt := timeAt + timeSize
	if body[lengthAt-1]&twoTimes != 0 {
		lengthAt += timeSize
	}
	length, ok := packed(body[min(lengthAt, len(body)):])
	if !ok {
		return nil, 0, 0, errOpening
	}
	return body[sidAt:numberAt], int64(binary.LittleEndian.Uint64(body[numberAt:])), length, nil
}

// packed reads a length-encoded integer.
func packed(b []byte) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	size := 0
	switch b[0] {
	case 0xfc:
		size = 2
	case 0xfd:
		size = 3
	case 0xfe:
		size = 8
	case 0xfb, 0xff:
		return 0, false
	default:
		return uint64(b[0]), true
	}
	if len(b) < 1+size {
		return 0, false
	}
	var wide [8]byte
	copy(wide[:], b[1:1+size])
	return binary.LittleEndian.Uint64(wide[:]), true
}

// previous reads the body of a list of what was logged before (Gtid_set::encode). Sets with tags say so in the last
// byte of their count, and have a tag behind each UUID.
func previous(body []byte) (gtid.Set, error) {
	bad := fmt.Errorf("list of the GTIDs before: %w", decode.ErrCorrupt)
	if len(body) < 8 {
		return gtid.Set{}, bad
	}
	count, tagged := binary.LittleEndian.Uint64(body), body[7] == 1
	if tagged {
		count = count << 8 >> 16 // Both the first and the last byte say the format.
	}
	body = body[8:]
	var text strings.Builder
	for ; count > 0; count-- {
		if len(body) < 16 {
			return gtid.Set{}, bad
		}
		text.WriteString(spelled(body[:16]))
		body = body[16:]
		if tagged {
			const maxTag = 32
			if len(body) == 0 || body[0]&1 != 0 || int(body[0]>>1) > min(maxTag, len(body)-1) {
				return gtid.Set{}, bad
			}
			if n := int(body[0] >> 1); n > 0 {
				text.WriteString(":" + string(body[1:1+n]))
			}
			body = body[1+int(body[0]>>1):]
		}
		var ok bool
		if body, ok = intervals(&text, body); !ok {
			return gtid.Set{}, bad
		}
		text.WriteByte(',')
	}
	set, err := gtid.Parse(strings.TrimSuffix(text.String(), ","))
	if err != nil || len(body) > 0 {
		return gtid.Set{}, bad
	}
	return set, nil
}

// intervals spells the intervals of one line and returns what follows them.
func intervals(to *strings.Builder, body []byte) ([]byte, bool) {
	if len(body) < 8 {
		return nil, false
	}
	n := binary.LittleEndian.Uint64(body)
	body = body[8:]
	if n == 0 || n > uint64(len(body))/16 {
		return nil, false
	}
	for ; n > 0; n-- {
		first, end := binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:])
		if first >= end {
			return nil, false
		}
		_, _ = fmt.Fprintf(to, ":%d-%d", first, end-1) // A builder never fails.
		body = body[16:]
	}
	return body, true
}
