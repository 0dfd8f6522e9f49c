package decode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// readAhead is large enough that reading costs little beside decoding.
const readAhead = 1 << 20

// Transactions iterates over the transactions of a binary log file. It ends after the first error, which wraps
// ErrCorrupt where the bytes are at fault.
func Transactions(r io.Reader) iter.Seq2[*Transaction, error] {
	return func(yield func(*Transaction, error) bool) {
		var decoder Decoder
		err := Events(r, func(e Event) (bool, error) {
			tx, err := decoder.Add(e)
			return err != nil || tx == nil || yield(tx, nil), err
		})
		if errors.Is(err, errStopped) {
			return
		}
		if err == nil {
			err = decoder.Close()
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// errStopped says that the consumer of a stream wants no more.
var errStopped = errors.New("stopped")

// Events calls visit with every event of a binary log file, until that returns false or an error.
func Events(r io.Reader, visit func(Event) (bool, error)) error {
	source := bufio.NewReaderSize(r, readAhead)
	magic := make([]byte, len(Magic))
	if _, err := io.ReadFull(source, magic); err != nil || string(magic) != Magic {
		return fmt.Errorf("decode: no binary log header: %w", ErrCorrupt)
	}
	events := eventReader{source: source, offset: int64(len(Magic))}
	for {
		event, err := events.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		more, err := visit(event)
		if err != nil {
			return fmt.Errorf("decode: before offset %d: %w", events.offset, err)
		}
		if !more {
			return errStopped
		}
	}
}
