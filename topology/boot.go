package topology

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Boot tells one run of a server's process from all its other runs. Its zero value is no boot.
type Boot struct {
	// Started is when the process started, in Unix seconds of the server's clock. The server notes it
	// once, so that it is the same in every answer of a boot, whatever its clock does since.
	Started int64
	// Process is the operating system's number of the server's main thread, 0 when it is not known. A server
	// that is killed and started again within a second has another one.
	Process uint64
}

// coarse is how far the starts of one boot may lie apart, in seconds, where the process is not known:
// releases before this identity stored a start that was rounded in two places.
const coarse = 2

// Same tells whether two answers are of one boot. No boot is the same as none.
func (b Boot) Same(other Boot) bool {
	switch {
	case b.IsZero() || other.IsZero():
		return false
	case b.Process != 0 && other.Process != 0:
		return b == other
	}
	return b.Started-other.Started <= coarse && other.Started-b.Started <= coarse
}

// IsZero tells whether no boot is known.
func (b Boot) IsZero() bool { return b == Boot{} }

// String is the identity for people and for the log: the start and the process.
func (b Boot) String() string {
	if b.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d/%d", b.Started, b.Process)
}

// MarshalText writes the identity; no boot is the empty text.
func (b Boot) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalJSON reads what MarshalText wrote, and the plain number of seconds that was stored before
// the process was part of it.
func (b *Boot) UnmarshalJSON(data []byte) error {
	*b = Boot{}
	if seconds, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		b.Started = seconds
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("topology: a boot is a text or a number of seconds: %w", err)
	}
	if text == "" {
		return nil
	}
	started, process, _ := strings.Cut(text, "/")
	var err error
	if b.Started, err = strconv.ParseInt(started, 10, 64); err == nil {
		b.Process, err = strconv.ParseUint(process, 10, 64)
	}
	if err != nil {
		return fmt.Errorf("topology: boot %q is not SECONDS/PROCESS: %w", text, err)
	}
	return nil
}
