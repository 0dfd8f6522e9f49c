package gtid

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads a GTID set in any of the forms that a server prints or accepts:
// several intervals and several tags behind one UUID, a UUID named more than
// once, letters of either case, spaces and line breaks around every part, and
// empty members between commas. The empty text is the empty set. It returns an
// error that wraps ErrSyntax for anything else, also for a UUID or a tag without
// an interval and for an interval that runs backwards.
func Parse(s string) (Set, error) {
	var all []block
	for member := range strings.SplitSeq(s, ",") {
		member = strings.TrimSpace(member)
		if member == "" {
			continue
		}
		blocks, err := parseMember(member)
		if err != nil {
			return Set{}, err
		}
		all = append(all, blocks...)
	}
	return setOf(all), nil
}

// MustParse is Parse for constants and tests: it panics on an error.
func MustParse(s string) Set {
	set, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return set
}

// parseMember reads one UUID with the tags and intervals that follow it.
func parseMember(member string) ([]block, error) {
	parts := strings.Split(member, ":")
	uuid, ok := canonicalUUID(strings.TrimSpace(parts[0]))
	if !ok {
		return nil, syntaxError(parts[0], "a server UUID wanted")
	}
	blocks := []block{{uuid: uuid}}
	for _, part := range parts[1:] {
		part = strings.TrimSpace(part)
		last := &blocks[len(blocks)-1]
		if tag, ok := canonicalTag(part); ok {
			if last.tag != "" && len(last.spans) == 0 {
				return nil, syntaxError(last.tag, "a tag without an interval")
			}
			blocks = append(blocks, block{uuid: uuid, tag: tag})
			continue
		}
		s, err := parseSpan(part)
		if err != nil {
			return nil, err
		}
		last.spans = append(last.spans, s)
	}
	if len(blocks[len(blocks)-1].spans) == 0 {
		return nil, syntaxError(member, "no interval at the end")
	}
	return blocks, nil
}

func parseSpan(part string) (span, error) {
	low, high, ranged := strings.Cut(part, "-")
	if !ranged {
		high = low
	}
	first, ok := parseSeq(low)
	last, okLast := parseSeq(high)
	if !ok || !okLast || first > last {
		return span{}, syntaxError(part, "an interval of numbers from 1 to 2^63-2, or a tag, wanted")
	}
	return span{first, last}, nil
}

func parseSeq(s string) (uint64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || !isDigit(s[0]) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n >= 1 && n <= MaxSeq
}

// quoted is the longest piece of input that an error repeats, in bytes.
const quoted = 80

func syntaxError(text, why string) error {
	if len(text) > quoted {
		text = text[:quoted] + "…"
	}
	return fmt.Errorf("gtid: %q: %w: %s", text, ErrSyntax, why)
}
