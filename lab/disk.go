package lab

import (
	"context"
	"fmt"
	"os"

	"github.com/regentdb/regent/lab/mysqld"
)

// diskBytes is how much fits on a disk of a server's own, unless it is full.
const diskBytes = 2 << 30

// Room is how much room a server has for what it writes.
type Room string

// Rooms.
const (
	Shared Room = "shared" // the lab's disk, as the others
	Own    Room = "own"    // a disk of its own, with room
	Full   Room = "full"   // a disk of its own, with none
)

// DiskRequest says where a server keeps its data.
type DiskRequest struct {
	Server string `json:"server"`
	Room   Room   `json:"room"`
}

// Disk gives a server a disk of its own, in memory, and makes it full or free. The server is killed and started
// again when it gets that disk and when it gives it back, so it had better not be the primary; one that has it can
// be without room from one moment to the next. The disk is gone with the lab, however that ends. The error wraps
// ErrUnknown for a server that the lab does not have.
func (l *Lab) Disk(ctx context.Context, request DiskRequest) error {
	s, err := l.Server(request.Server)
	if err != nil {
		return err
	}
	name, dir := request.Server, s.Spec().OwnDisk()
	switch request.Room {
	case Full:
		if !s.HasOwnDisk() {
			return fmt.Errorf("lab: server %s has no disk of its own; give it one with `regent lab disk %s own`", name, name)
		}
		return l.fabric.Resize(name, dir, 0)
	case Own:
		if s.HasOwnDisk() {
			return l.fabric.Resize(name, dir, diskBytes)
		}
		return l.move(ctx, s, true)
	case Shared:
		if !s.HasOwnDisk() {
			return nil
		}
		if err := l.fabric.Resize(name, dir, diskBytes); err != nil {
			return err
		}
		return l.move(ctx, s, false)
	}
	return fmt.Errorf("lab: %q: %w; a disk is %s, %s or %s", request.Room, ErrUnknown, Shared, Own, Full)
}

// move ends a server and starts it with its data elsewhere. An end in order would wait 10 s for the sessions of
// the nodes.
func (l *Lab) move(ctx context.Context, s *mysqld.Server, own bool) error {
	ctx, cancel := context.WithTimeout(ctx, serversWithin)
	defer cancel()
	name, dir := s.Spec().Name, s.Spec().OwnDisk()
	if err := s.Kill(); err != nil {
		return err
	}
	if own {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("lab: %w: %w", ErrDirectory, err)
		}
		if err := l.fabric.Mount(name, dir, diskBytes); err != nil {
			return err
		}
	}
	if err := l.fabric.Inside(name, func() error { return s.MoveData(own) }); err != nil {
		return err
	}
	if !own {
		if err := l.fabric.Unmount(name, dir); err != nil {
			return err
		}
	}
	return s.Start(ctx)
}
