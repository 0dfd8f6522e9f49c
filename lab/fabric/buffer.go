package fabric

import "sync"

// bufferPool lends buffers for packets that wait in a delay, in two sizes: most
// packets of a database are small, those of a copy are not.
type bufferPool struct {
	small, large sync.Pool
}

const smallBuffer = 2048

func newBufferPool() *bufferPool {
	return &bufferPool{
		small: sync.Pool{New: func() any { return newBuffer(smallBuffer) }},
		large: sync.Pool{New: func() any { return newBuffer(maxFrame) }},
	}
}

func newBuffer(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// keep copies a packet into a borrowed buffer of its length.
func (p *bufferPool) keep(packet []byte) *[]byte {
	pool := &p.large
	if len(packet) <= smallBuffer {
		pool = &p.small
	}
	b, ok := pool.Get().(*[]byte)
	if !ok {
		b = newBuffer(maxFrame)
	}
	*b = (*b)[:len(packet)]
	copy(*b, packet)
	return b
}

// release gives a buffer back.
func (p *bufferPool) release(b *[]byte) {
	if cap(*b) <= smallBuffer {
		p.small.Put(b)
		return
	}
	p.large.Put(b)
}
