package binlog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/regentdb/regent/gtid"
)

var (
	// ErrUnrelated is returned for two sides that share no transaction: they never were one cluster, or not by GTID.
	ErrUnrelated = errors.New("the two sides share no transaction: they never were one cluster, or one of them was loaded without its GTIDs")
	// ErrSame is returned where the old and the new side are one server.
	ErrSame = errors.New("the old and the new side are the same server")
)

// Related returns an error that wraps ErrUnrelated for two sides that share nothing, and ErrSame for a server that is
// to be compared with itself.
func Related(old, fresh Standing) error {
	switch {
	case old.UUID != "" && strings.EqualFold(old.UUID, fresh.UUID):
		return fmt.Errorf("binlog: %w (server_uuid %s)", ErrSame, old.UUID)
	case old.Executed.Intersect(fresh.Executed).IsEmpty():
		return fmt.Errorf("binlog: %w; the old side has %s, the new side has %s", ErrUnrelated, shown(old.Executed), shown(fresh.Executed))
	}
	return nil
}

// shown is a set for a sentence.
func shown(set gtid.Set) string {
	if set.IsEmpty() {
		return "nothing"
	}
	return set.String()
}

// Unlogged is what a side that is known by its files alone probably had, and never logged: a server that was cloned or
// loaded does not name in its files what it got that way. That is what the other side has and what precedes the first
// number of a sequence in the files, or what the other side has purged, which is older than what it has logs of.
func Unlogged(known gtid.Set, other Standing) gtid.Set {
	var before []string
	for member := range strings.SplitSeq(known.String(), ",") {
		uuid, rest, _ := strings.Cut(member, ":")
		line, first := uuid, true
		for part := range strings.SplitSeq(rest, ":") {
			if number, _, _ := strings.Cut(part, "-"); part != "" && part[0] >= '0' && part[0] <= '9' {
				if first && number != "1" {
					before = append(before, line+":1-"+number) // Its own number is known, and does no harm.
				}
				first = false
				continue
			}
			line, first = uuid+":"+part, true
		}
	}
	gaps, err := gtid.Parse(strings.Join(before, ","))
	if err != nil {
		gaps = gtid.Set{} // The text is the set's own.
	}
	return gaps.Intersect(other.Executed).Union(other.Purged).Subtract(known)
}
