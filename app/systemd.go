package app

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// states of the service that systemd is told (sd_notify(3)).
const (
	serviceReady    = "READY=1"
	serviceStopping = "STOPPING=1"
)

// tellSystemd sends a state of the service to the socket named by NOTIFY_SOCKET; an empty name means
// that nobody asked.
func tellSystemd(ctx context.Context, socket, state string) error {
	if socket == "" {
		return nil
	}
	if strings.HasPrefix(socket, "@") {
		socket = "\x00" + socket[1:] // The abstract namespace.
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unixgram", socket)
	if err != nil {
		return fmt.Errorf("app: tell systemd: %w", err)
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		_ = conn.Close() // The write has failed already.
		return fmt.Errorf("app: tell systemd: %w", err)
	}
	return conn.Close()
}
