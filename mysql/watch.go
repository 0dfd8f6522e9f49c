package mysql

import (
	"context"
	"fmt"
)

// watchSeconds is how long the watching statement stays in the server before it is sent again.
const watchSeconds = 20

// Watch opens a connection that does nothing and returns when it ends: at once when the server's
// process dies, since its kernel closes the socket, and after some seconds when nothing answers
// any more. A server that hangs while its kernel lives is not noticed. The error is the context's
// when the context ended first; else ReachOf and ClosedByPeer tell how the connection broke.
func (s *Server) Watch(ctx context.Context) error {
	l, err := s.open(ctx, s.attributes("watch", 0))
	if err != nil {
		return err
	}
	defer l.close()
	nap := (&batch{}).effect("watch", fmt.Sprintf("DO SLEEP(%d)", watchSeconds))
	for {
		if _, err := l.run(ctx, nap); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("mysql: %s: watch: %w", s.name, context.Cause(ctx))
			}
			return err
		}
	}
}
