package jsonb

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// step is one leg of a path: a member of an object or an element of an array.
type step struct {
	member bool
	key    []byte
	index  int
}

// parsePath reads a path as the server writes it into changes: $, .name, ."quoted name" and [number]. Other legs do not
// name one place.
func parsePath(text []byte) ([]step, bool) {
	rest, ok := bytes.CutPrefix(text, []byte("$"))
	if !ok {
		return nil, false
	}
	var path []step
	for len(rest) > 0 {
		var s step
		switch rest[0] {
		case '.':
			s, rest, ok = parseMember(rest[1:])
		case '[':
			s, rest, ok = parseElement(rest[1:])
		default:
			return nil, false
		}
		if !ok || len(path) > maxDepth {
			return nil, false
		}
		path = append(path, s)
	}
	return path, true
}

func parseElement(text []byte) (step, []byte, bool) {
	number, rest, ok := bytes.Cut(text, []byte("]"))
	index, err := strconv.ParseUint(string(number), 10, 31)
	return step{index: int(index)}, rest, ok && err == nil
}

func parseMember(text []byte) (step, []byte, bool) {
	if len(text) > 0 && text[0] == '"' {
		return parseQuoted(text)
	}
	end := bytes.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	name := text[:end]
	return step{member: true, key: name}, text[end:], end > 0 && !bytes.ContainsAny(name, `*"]`)
}

func parseQuoted(text []byte) (step, []byte, bool) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			var key string
			err := json.Unmarshal(text[:i+1], &key)
			return step{member: true, key: []byte(key)}, text[i+1:], err == nil
		}
	}
	return step{}, nil, false
}
