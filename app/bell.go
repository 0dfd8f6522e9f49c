package app

import "sync"

// bell tells any number of listeners that something changed. Several rings may be heard as one.
type bell struct {
	mu        sync.Mutex
	listeners []chan struct{}
}

// listen returns a channel of its own for the caller.
func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{}, 1)
	b.listeners = append(b.listeners, c)
	return c
}

// ring never blocks.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
