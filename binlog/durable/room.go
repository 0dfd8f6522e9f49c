package durable

import (
	"fmt"
	"syscall"
)

// Room is what a file system has left.
type Room struct {
	// Free is in bytes, for processes without privileges.
	Free int64
	// Reserve is how much of it is to stay free: a twentieth of the file system, a quarter of a GiB at most.
	Reserve int64
}

// largestReserve leaves a database or a Raft log on the same file system room to go on.
const largestReserve = 256 << 20

// RoomAt measures the file system of a directory.
func RoomAt(dir string) (Room, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Room{}, fmt.Errorf("measure the room in %s: %w", dir, err)
	}
	block := int64(s.Bsize) //nolint:unconvert // Its type differs from system to system.
	return Room{Free: int64(s.Bavail) * block, Reserve: min(int64(s.Blocks)*block/20, largestReserve)}, nil
}

// Holds tells whether so many bytes fit without touching the reserve.
func (r Room) Holds(bytes int64) bool { return bytes <= r.Free-r.Reserve }
