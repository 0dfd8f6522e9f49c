package mysql

import (
	"context"
	"net"
	"sync"
	"time"
)

// wire is a connection that remembers why it broke: the driver reports most failures as "invalid
// connection", and whether the other end closed it or fell silent is evidence.
type wire struct {
	net.Conn
	mu    sync.Mutex
	cause error
}

// silence is how long unacknowledged data may be in flight, or a keepalive unanswered, before the
// kernel gives a connection up (tcp(7), TCP_USER_TIMEOUT).
const silence = 2 * time.Second

func dial(ctx context.Context, network, address string) (*wire, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 2},
		Control:         controlSocket,
	}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c}, nil
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.note(err)
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.note(err)
	return n, err
}

func (w *wire) note(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause == nil {
		w.cause = err
	}
}

// broken is the first failure of the connection, nil while there was none.
func (w *wire) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}
