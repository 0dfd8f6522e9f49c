package decode

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
)

// errRowImage is the reason inside this package why a row event was not handed to the library.
var errRowImage = errors.New("row image without columns, or of another width than its table")

// parser is the library's event parser under one format description.
type parser struct {
	library  *replication.BinlogParser
	checksum bool
	// format is the description itself, for the events of compressed payloads.
	format Event
	// tables maps the table ids of the open statement to their descriptions.
	tables map[uint64]*Table
	// metadata is the optional block of the table map being parsed.
	metadata []byte
}

// Checksum algorithms, the byte before the checksum of a format description.
const (
	checksumNone  = 0
	checksumCRC32 = 1
)

// newParser returns a parser for events under the format description. That event has a checksum in any log, and it is
// checked here: by one wrong bit in it every later checksum would be taken for data.
func newParser(format Event) (*parser, error) {
	if err := format.checked(); err != nil {
		return nil, err
	}
	algorithm := format[len(format)-checksumSize-1]
	if algorithm != checksumNone && algorithm != checksumCRC32 {
		return nil, fmt.Errorf("decode: checksum algorithm %d: %w", algorithm, ErrCorrupt)
	}
	p := &parser{
		library: replication.NewBinlogParser(), format: format, tables: map[uint64]*Table{},
		checksum: algorithm == checksumCRC32,
	}
	p.library.SetTimestampStringLocation(time.UTC)
	p.library.SetRenderJSONAsMySQLText(true)
	p.library.SetTableMapOptionalMetaDecodeFunc(func(block []byte) error {
		p.metadata = block
		return nil
	})
	p.library.SetRowsEventDecodeFunc(decodeRows)
	event, err := p.parse(format)
	if err != nil {
		return nil, err
	}
	description, ok := event.(*replication.FormatDescriptionEvent)
	if !ok || len(description.EventTypeHeaderLengths) < gtidEvent || byte(description.ChecksumAlgorithm) != algorithm {
		return nil, fmt.Errorf("decode: format description: %w", ErrCorrupt)
	}
	return p, nil
}

// decodeRows decodes a row event after two checks that the library leaves out: an image without columns has no
// bytes, so that the rows in it cannot be counted, and an image wider than its table reads past the description.
func decodeRows(event *replication.RowsEvent, body []byte) error {
	position, err := event.DecodeHeader(body)
	if err != nil {
		return err
	}
	if event.ColumnCount != event.Table.ColumnCount || empty(event.ColumnBitmap1) ||
		event.ColumnBitmap2 != nil && empty(event.ColumnBitmap2) {
		return errRowImage
	}
	return event.DecodeData(position, body)
}

func empty(bitmap []byte) bool {
	return !slices.ContainsFunc(bitmap, func(b byte) bool { return b != 0 })
}

// body returns the event without header and checksum.
func (p *parser) body(e Event) []byte {
	if p.checksum {
		return e[headerSize : len(e)-checksumSize]
	}
	return e[headerSize:]
}

// parse hands the event to the library, which panics on some contradictions. Its errors quote the data, so they are
// replaced.
func (p *parser) parse(e Event) (event replication.Event, err error) {
	defer func() {
		if recover() != nil {
			event, err = nil, fmt.Errorf("decode: event of type %d: %w", e.Type(), ErrCorrupt)
		}
	}()
	parsed, failure := p.library.Parse(e)
	if failure != nil {
		return nil, fmt.Errorf("decode: event of type %d: %w", e.Type(), ErrCorrupt)
	}
	return parsed.Event, nil
}

// table reads a table map and remembers it for the row events behind it.
func (p *parser) table(e Event) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("decode: table map: %w", ErrCorrupt)
		}
	}()
	p.metadata = nil
	event, err := p.parse(e)
	if err != nil {
		return err
	}
	tableMap, ok := event.(*replication.TableMapEvent)
	if !ok {
		return fmt.Errorf("decode: table map: %w", ErrCorrupt)
	}
	if err := readMetadata(tableMap, p.metadata); err != nil {
		return err
	}
	p.tables[tableMap.TableID] = tableOf(tableMap)
	return nil
}
