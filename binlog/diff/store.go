package diff

import "iter"

// Store makes what a comparison remembers its rows in. Once it has failed, everything reads as empty.
type Store interface {
	Dict() Dict
	List() List
	// Err returns why the store failed; nil where it did not.
	Err() error
}

// Dict is values by key. Keys are numbered from 0, in the order in which they were added.
type Dict interface {
	Len() int
	// Find returns the number of a key; false where it is not there.
	Find(key string) (n int, ok bool)
	// Add returns the number of a key, which it adds where it is not there.
	Add(key string) (n int, added bool)
	Key(n int) string
	// Pair returns the key with the number and its value.
	Pair(n int) (key, value string)
	// Value returns what was set for a key; empty where nothing was.
	Value(n int) string
	// First returns the first byte of what was set for a key; 0 where nothing was.
	First(n int) byte
	Set(n int, value []byte)
}

// List is parts in order.
type List interface {
	Len() int
	Append(part []byte)
	All() iter.Seq[string]
	Backward() iter.Seq[string]
	// Reset empties the list.
	Reset()
}
