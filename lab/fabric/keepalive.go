package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepalives let a host notice within ten seconds that a connection leads nowhere. The kernel's default is two
// hours, in which a server keeps the row locks of clients that a cut has taken away.
var keepalives = []struct{ name, value string }{ //nolint:gochecknoglobals // a table
	{"tcp_keepalive_time", "5"},
	{"tcp_keepalive_intvl", "1"},
	{"tcp_keepalive_probes", "5"},
}

// keepAlive runs on the thread of a host, whose namespace has settings of its own. Where the kernel's settings
// cannot be written, as in some containers, the default stays: the lab works and is slower after long cuts.
func keepAlive() error {
	for _, k := range keepalives {
		err := os.WriteFile("/proc/sys/net/ipv4/"+k.name, []byte(k.value), 0)
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("set %s: %w", k.name, err)
		}
	}
	return nil
}
