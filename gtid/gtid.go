package gtid

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxSeq is the largest sequence number that a server assigns: 2^63 - 2.
const MaxSeq = uint64(1)<<63 - 2

// maxTag is the longest tag that a server accepts, in bytes.
const maxTag = 32

// ErrSyntax is returned, wrapped with the offending text, for anything that is
// not a GTID or a set of them.
var ErrSyntax = errors.New("not a GTID set")

// GTID names one transaction.
type GTID struct {
	// UUID is the server that committed it first, in lower case.
	UUID string
	// Tag is the tag that the transaction was committed under, or empty.
	Tag string
	// Seq counts from 1 for each UUID and tag.
	Seq uint64
}

// ParseGTID reads one GTID, "uuid:seq" or "uuid:tag:seq". It returns an error
// that wraps ErrSyntax for any other text.
func ParseGTID(s string) (GTID, error) {
	set, err := Parse(s)
	if err != nil {
		return GTID{}, err
	}
	if set.Count() != 1 {
		return GTID{}, fmt.Errorf("gtid: %q: %w: one transaction wanted", s, ErrSyntax)
	}
	b := set.blocks[0]
	return GTID{UUID: b.uuid, Tag: b.tag, Seq: b.spans[0].first}, nil
}

// String returns the GTID as the server prints it.
func (g GTID) String() string {
	seq := strconv.FormatUint(g.Seq, 10)
	if g.Tag == "" {
		return g.UUID + ":" + seq
	}
	return g.UUID + ":" + g.Tag + ":" + seq
}

// MarshalText returns the same text as String.
func (g GTID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText is the inverse of MarshalText; its errors are those of ParseGTID.
func (g *GTID) UnmarshalText(text []byte) error {
	parsed, err := ParseGTID(string(text))
	if err != nil {
		return err
	}
	*g = parsed
	return nil
}

// canonicalUUID returns s in lower case, or false where s is not 32 hexadecimal
// digits in the groups 8-4-4-4-12.
func canonicalUUID(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	s = strings.ToLower(s)
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return "", false
		}
	}
	return s, true
}

// canonicalTag returns s in lower case, or false where s is not a letter or an
// underscore followed by up to 31 letters, digits or underscores.
func canonicalTag(s string) (string, bool) {
	s = strings.ToLower(s)
	if s == "" || len(s) > maxTag || isDigit(s[0]) {
		return "", false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && !isDigit(c) && (c < 'a' || c > 'z') {
			return "", false
		}
	}
	return s, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' }
