package mysql

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	driver "github.com/go-sql-driver/mysql"

	"github.com/regentdb/regent/topology"
)

// Errors of connections.
var (
	// ErrConnect means that no new connection could be opened.
	ErrConnect = errors.New("cannot connect")
	// ErrLost means that an existing connection broke; ReachOf tells how.
	ErrLost = errors.New("connection lost")
)

// ReachOf classifies the outcome of an attempt: ReachRefused where the other end closed or refused
// the connection, ReachDenied where the server answered with an error, ReachSilent where nothing
// came back, and ReachUnknown where the caller gave up by cancelling.
func ReachOf(err error) topology.Reach {
	var answered *driver.MySQLError
	switch {
	case err == nil:
		return topology.ReachOK
	case errors.As(err, &answered):
		return topology.ReachDenied
	case closedByPeer(err):
		return topology.ReachRefused
	case errors.Is(err, context.Canceled):
		return topology.ReachUnknown
	case errors.Is(err, ErrLost), timedOut(err):
		return topology.ReachSilent
	}
	return topology.ReachDenied // what is left, such as a certificate that does not fit, is an answer
}

func timedOut(err error) bool {
	var network net.Error
	var name *net.DNSError
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() ||
		errors.As(err, &name) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// ClosedByPeer tells that an existing connection was closed by the other end, which a killed
// process does at once and a silent host never does.
func ClosedByPeer(err error) bool { return errors.Is(err, ErrLost) && closedByPeer(err) }

func closedByPeer(err error) bool {
	for _, sign := range []error{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, io.EOF, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// code is the server's error number, 0 for any other error.
func code(err error) uint16 {
	var answered *driver.MySQLError
	if errors.As(err, &answered) {
		return answered.Number
	}
	return 0
}

// Error numbers of the server (manual, "Server Error Message Reference").
const (
	codeSchemaDenied    = 1044
	codeUnknownSchema   = 1049
	codeShuttingDown    = 1053
	codeNoSuchThread    = 1094
	codeTableDenied     = 1142
	codeUnknownTable    = 1146
	codeUnknownVariable = 1193
	codeLockWaitTimeout = 1205
	codePrivilege       = 1227
	codeInterrupted     = 1317
	codeOutOfRange      = 1690
	codeRestartFailed   = 3707
)
