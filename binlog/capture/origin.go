package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/gtid"
)

// Standing is what a server, or its binary log files, say of it.
type Standing = files.Standing

// origin is where transactions are copied from: a running server, or its files.
type origin interface {
	// standing says what there is.
	standing() (Standing, error)
	// dump gives the sink the events of everything outside the exclusion, until it returns errEnough.
	dump(ctx context.Context, exclude gtid.Set, to files.Sink) error
	// bound is the size of the files that may hold the wanted transactions, in bytes.
	bound(wanted gtid.Set) (int64, error)
	// gone is the error for what was purged.
	gone() error
	release()
}

// Stand asks a server, or reads its files, for what it had executed. The error wraps files.ErrServer where it is not
// the server that the endpoint wants.
func Stand(ctx context.Context, of Endpoint) (Standing, error) {
	o, err := of.open(ctx)
	if err != nil {
		return Standing{}, err
	}
	defer o.release()
	return o.standing()
}

// open reaches the origin.
func (p Endpoint) open(ctx context.Context) (origin, error) {
	if p.Files == "" {
		s, err := p.connect(ctx)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	log, err := files.Open(p.Files)
	if err != nil {
		return nil, fmt.Errorf("capture: %s: %w", p.Server, err)
	}
	return &shelf{log: log, endpoint: p}, nil
}

// shelf is the files of a server.
type shelf struct {
	log      *files.Log
	endpoint Endpoint
}

func (s *shelf) standing() (Standing, error) {
	out, err := s.log.Standing()
	if err != nil {
		return out, fmt.Errorf("capture: %s: %w", s.endpoint.Server, err)
	}
	is := out.Own
	if out.UUID != "" {
		is = []string{out.UUID}
	}
	want := strings.ToLower(s.endpoint.UUID)
	if want != "" && len(is) > 0 && !slices.Contains(is, want) {
		return out, s.endpoint.another(is[0])
	}
	return out, nil
}

// another is the error for an endpoint that leads to another server than it should.
func (p Endpoint) another(is string) error {
	return fmt.Errorf("capture: %s: %w: it is that of server_uuid %s, and %s is wanted", p.Server, files.ErrServer, is, p.UUID)
}

func (s *shelf) dump(ctx context.Context, exclude gtid.Set, to files.Sink) error {
	err := s.log.Dump(ctx, exclude, to)
	if err == nil || errors.Is(err, errEnough) {
		return nil
	}
	return fmt.Errorf("capture: %s: %w", s.endpoint.Server, err)
}

func (s *shelf) gone() error {
	return fmt.Errorf("%w: they were logged before %s, the oldest file in %s", files.ErrMissing, s.log.Files[0].Name, s.log.Dir)
}

func (s *shelf) release() {}

func (s *session) standing() (out Standing, err error) {
	if out.UUID, err = s.value("SELECT @@GLOBAL.server_uuid"); err != nil {
		return out, err
	}
	if want := s.endpoint.UUID; want != "" && !strings.EqualFold(want, out.UUID) {
		return out, s.endpoint.another(out.UUID)
	}
	if out.Executed, err = s.set("gtid_executed"); err != nil {
		return out, err
	}
	out.Purged, err = s.set("gtid_purged")
	return out, err
}

func (s *session) gone() error { return ErrPurged }

func (s *session) release() { s.close() }
