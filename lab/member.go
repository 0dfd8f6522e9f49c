package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// memberVariable marks the processes of a lab, and what those start in turn.
const memberVariable = "REGENT_LAB_MEMBER"

// membership is the mark of one lab, for the environment of a process.
func membership(l layout) string { return memberVariable + "=" + l.dir }

// members are the processes that carry a lab's mark, this one and its
// ancestors excepted: `lab down` may itself run inside the lab.
func members(l layout) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("lab: look for processes: %w", err)
	}
	spared := ancestors(os.Getpid())
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && !slices.Contains(spared, pid) && marked(pid, l) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// marked reports whether a process carries a lab's mark. Processes of others
// cannot be read and are not the lab's.
func marked(pid int, l layout) bool {
	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for variable := range bytes.SplitSeq(environment, []byte{0}) {
		if string(variable) == membership(l) {
			return true
		}
	}
	return false
}

// ancestors are a process, its parent, and so on up.
func ancestors(pid int) []int {
	var all []int
	for pid > 1 && len(all) < 1000 {
		all = append(all, pid)
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			break
		}
		// The name, in parentheses, may hold anything; after it come the state
		// and the parent (proc_pid_stat(5)).
		_, after, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
		fields := bytes.Fields(after)
		if len(fields) < 2 {
			break
		}
		if pid, err = strconv.Atoi(string(fields[1])); err != nil {
			break
		}
	}
	return all
}

// sweep kills what is left of a lab whose supervisor is gone, until nothing
// carries its mark any more.
func sweep(ctx context.Context, l layout) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return poll(ctx, 20*time.Millisecond, func() error {
		found, err := members(l)
		if err != nil {
			return err
		}
		for _, pid := range found {
			if err := killMember(pid, l); err != nil {
				return err
			}
		}
		if len(found) > 0 {
			return fmt.Errorf("lab: processes %v do not end", found)
		}
		return nil
	})
}

// killMember kills a process by a descriptor, which keeps meaning the same
// process when the number is used again; so the mark is checked after it is open.
func killMember(pid int, l layout) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lab: end process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if !marked(pid, l) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("lab: end process %d: %w", pid, err)
	}
	return nil
}
