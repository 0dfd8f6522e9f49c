package mysql

import (
	"context"
	"fmt"
	"strconv"
)

// BinaryLogs are the binary log files that a server has on its disk.
type BinaryLogs struct {
	Files int
	Bytes int64
}

// BinaryLogs counts them, on a connection of its own: a server whose disk is full may not answer.
func (s *Server) BinaryLogs(ctx context.Context) (BinaryLogs, error) {
	l, err := s.open(ctx, s.attributes("logs", 0))
	if err != nil {
		return BinaryLogs{}, err
	}
	defer l.close()
	got, err := l.run(ctx, (&batch{}).query("logs", "SHOW BINARY LOGS"))
	if err != nil {
		return BinaryLogs{}, fmt.Errorf("mysql: %s: count the binary logs: %w", s.name, err)
	}
	var out BinaryLogs
	for _, file := range got["logs"].all() {
		size, err := strconv.ParseInt(file["file_size"], 10, 64)
		if err != nil {
			return BinaryLogs{}, fmt.Errorf("mysql: %s: count the binary logs: %w", s.name, err)
		}
		out.Files++
		out.Bytes += size
	}
	return out, nil
}
