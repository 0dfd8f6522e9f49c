package live

import (
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// Codes of errors of the server (MySQL 8.4 Error Reference).
const (
	noSuchThread = 1094
	readOnly     = 1290
)

// RefusedError is a statement that the server refused, without the server's words: they may repeat values of rows.
type RefusedError struct{ Number uint16 }

// Error says what the server minds.
func (e *RefusedError) Error() string {
	switch e.Number {
	case 1062:
		return "another row holds the same value of a unique key"
	case 1451, 1761:
		return "rows of another table refer to the row"
	case 1452:
		return "the row that it refers to is not there"
	case 1205:
		return "another session holds a lock on the row"
	case 1213:
		return "it came into a deadlock with another session"
	case 1142, 1143:
		return "regent's account may not change it; grant SELECT, INSERT, UPDATE and DELETE on the table to it"
	case 3819:
		return "a check constraint forbids the row"
	case readOnly, 1836:
		return "the server is read-only"
	}
	return fmt.Sprintf("the server refused it with error %d", e.Number)
}

// IsReadOnly says that nobody can write on the server.
func (e *RefusedError) IsReadOnly() bool { return e.Number == readOnly || e.Number == 1836 }

func number(err error) uint16 {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Number
	}
	return 0
}

// withoutValues replaces the server's words. What is not the server's answer is a broken connection, which holds none.
func withoutValues(err error) error {
	if n := number(err); n != 0 {
		return &RefusedError{Number: n}
	}
	return err
}
