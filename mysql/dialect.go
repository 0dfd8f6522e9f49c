package mysql

import (
	"strconv"
	"strings"
)

// dialect is how one server spells statements and variables.
type dialect struct {
	version string
	old     map[string]bool // variables known under the old spelling only
}

// replicaWords tells whether the server knows REPLICA and SOURCE where older ones say SLAVE and
// MASTER: CHANGE REPLICATION SOURCE TO came last, with 8.0.23 (release notes).
func (d dialect) replicaWords() bool { return !olderThan(d.version, 8, 0, 23) }

// say turns a statement written in current words into the server's own.
func (d dialect) say(statement string) string {
	if d.replicaWords() {
		return statement
	}
	return strings.NewReplacer(
		"CHANGE REPLICATION SOURCE TO", "CHANGE MASTER TO",
		"GET_SOURCE_PUBLIC_KEY", "GET_MASTER_PUBLIC_KEY",
		"SOURCE_", "MASTER_",
		"REPLICA", "SLAVE",
	).Replace(statement)
}

// variable is the name under which the server knows a variable.
func (d dialect) variable(name string) string {
	if d.old[name] {
		return oldName(name)
	}
	return name
}

// olderThan compares the number at the start of a version such as 8.0.36-28-log.
func olderThan(version string, want ...int) bool {
	parts := strings.SplitN(version, ".", len(want))
	for i, w := range want {
		have := 0
		if i < len(parts) {
			have = leadingNumber(parts[i])
		}
		if have != w {
			return have < w
		}
	}
	return false
}

func leadingNumber(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
