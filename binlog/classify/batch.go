package classify

// What is asked for at once: few enough that answers fit into memory, enough that asking costs little.
const (
	batchItems = 500
	batchBytes = 4 << 20
)

// batch gathers what is to be asked for, and asks when it is enough. After an error nothing is asked.
type batch[T any] struct {
	items []T
	bytes int
	ask   func([]T) error
	err   error
}

// add takes one more, of about so many bytes.
func (b *batch[T]) add(item T, bytes int) {
	b.items = append(b.items, item)
	b.bytes += bytes
	if len(b.items) >= batchItems || b.bytes >= batchBytes {
		b.flush()
	}
}

// flush asks for what was gathered.
func (b *batch[T]) flush() {
	if len(b.items) > 0 && b.err == nil {
		b.err = b.ask(b.items)
	}
	clear(b.items)
	b.items, b.bytes = b.items[:0], 0
}

// end asks for the rest. It returns the first error.
func (b *batch[T]) end() error {
	b.flush()
	return b.err
}

// endAll ends batches in their order.
func endAll[T any](all []*batch[T]) error {
	for _, b := range all {
		if err := b.end(); err != nil {
			return err
		}
	}
	return nil
}
