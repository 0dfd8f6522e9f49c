package mysqld

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrNotMySQL says that a binary is not a MySQL server that the lab can use:
// MariaDB, a version below 8.4, or not a server at all.
var ErrNotMySQL = errors.New("not a usable MySQL server")

// Version is a server version, as in "9.7.4".
type Version struct {
	Major, Minor, Patch int
}

// oldest is the first long-term release with the statements that the lab uses:
// SHOW BINARY LOG STATUS, RESET BINARY LOGS AND GTIDS and tagged GTIDs.
func oldest() Version { return Version{Major: 8, Minor: 4} }

// String renders the version as MySQL does.
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// Before reports whether v is an earlier release than other.
func (v Version) Before(other Version) bool {
	if v.Major != other.Major {
		return v.Major < other.Major
	}
	if v.Minor != other.Minor {
		return v.Minor < other.Minor
	}
	return v.Patch < other.Patch
}

// ParseVersion reads the answer of `mysqld --version`. The error wraps
// ErrNotMySQL and says what was found instead.
func ParseVersion(answer string) (Version, error) {
	answer = strings.TrimSpace(answer)
	if strings.Contains(strings.ToLower(answer), "mariadb") {
		return Version{}, fmt.Errorf("%w: it is MariaDB (%q)", ErrNotMySQL, answer)
	}
	match := regexp.MustCompile(`\bVer (\d{1,3})\.(\d{1,3})\.(\d{1,3})`).FindStringSubmatch(answer)
	if match == nil {
		return Version{}, fmt.Errorf("%w: no version in its answer %q", ErrNotMySQL, answer)
	}
	var numbers [3]int
	for i := range numbers {
		n, err := strconv.Atoi(match[i+1])
		if err != nil {
			return Version{}, fmt.Errorf("%w: version in %q: %w", ErrNotMySQL, answer, err)
		}
		numbers[i] = n
	}
	version := Version{Major: numbers[0], Minor: numbers[1], Patch: numbers[2]}
	if version.Before(oldest()) {
		return Version{}, fmt.Errorf("%w: version %s is older than %s", ErrNotMySQL, version, oldest())
	}
	return version, nil
}
