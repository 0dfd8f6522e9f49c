package jsonb

import (
	"errors"
	"slices"
)

// ErrElsewhere is returned for a change whose place is not in the document: the document is another than the one that
// was changed.
var ErrElsewhere = errors.New("the change does not fit the document")

// Operations of a change (enum_json_diff_operation).
const (
	replace = iota
	insert
	remove
)

// AppendChanged appends the canonical text that a document has after the changes, in their binary form. The error
// wraps ErrCorrupt or ErrElsewhere.
func AppendChanged(dst, document, changes []byte) ([]byte, error) {
	root := &node{raw: valueOf(document)}
	for rest := changes; len(rest) > 0; {
		change, behind, err := readChange(rest)
		if err == nil {
			root, err = change.apply(root)
		}
		if err != nil {
			return dst, err
		}
		rest = behind
	}
	w := writer{dst: dst, budget: len(document) + len(changes) + 1}
	if !w.node(root, 0) {
		return dst, ErrCorrupt
	}
	return w.dst, nil
}

type change struct {
	operation byte
	path      []step
	value     value
}

func readChange(data []byte) (c change, rest []byte, err error) {
	c.operation = data[0]
	if c.operation > remove {
		return c, nil, ErrCorrupt
	}
	path, rest, ok := packed(data[1:])
	if ok {
		c.path, ok = parsePath(path)
	}
	if ok && c.operation != remove {
		var document []byte
		document, rest, ok = packed(rest)
		ok = ok && len(document) > 0
		c.value = valueOf(document)
	}
	if !ok {
		return c, nil, ErrCorrupt
	}
	return c, rest, nil
}

// packed reads bytes behind their length, which is in the length-encoded form of the protocol.
func packed(data []byte) (content, rest []byte, ok bool) {
	if len(data) == 0 {
		return nil, nil, false
	}
	width := 0
	switch data[0] {
	case 0xfc:
		width = 2
	case 0xfd:
		width = 3
	case 0xfe:
		width = 8
	}
	length := uint64(data[0])
	data = data[1:]
	if width > 0 {
		if len(data) < width {
			return nil, nil, false
		}
		length = 0
		for i, b := range data[:width] {
			length |= uint64(b) << (8 * i)
		}
		data = data[width:]
	}
	if length > uint64(len(data)) {
		return nil, nil, false
	}
	return data[:length], data[length:], true
}

// apply carries out the change and returns the root, which may be another.
func (c change) apply(root *node) (*node, error) {
	if len(c.path) == 0 {
		if c.operation != replace {
			return nil, ErrElsewhere
		}
		return &node{raw: c.value}, nil
	}
	last := len(c.path) - 1
	parent := root
	for _, s := range c.path[:last] {
		if parent = parent.child(s); parent == nil {
			return nil, ErrElsewhere
		}
	}
	if !c.applyTo(parent, c.path[last]) {
		return nil, ErrElsewhere
	}
	return root, nil
}

func (c change) applyTo(parent *node, s step) bool {
	place, found := parent.find(s)
	switch c.operation {
	case replace:
		if !found {
			return false
		}
		parent.children[place] = &node{raw: c.value}
	case remove:
		if !found {
			return false
		}
		parent.children = slices.Delete(parent.children, place, place+1)
		if parent.object {
			parent.keys = slices.Delete(parent.keys, place, place+1)
		}
	case insert:
		return c.insertInto(parent, s, place, found)
	}
	return true
}

// insertInto adds a member that is not there yet, or an element, behind the last one where the array is shorter.
func (c change) insertInto(parent *node, s step, place int, found bool) bool {
	if !parent.open || parent.object != s.member || s.member && found {
		return false
	}
	if s.member {
		parent.keys = append(parent.keys, s.key)
		place = len(parent.children)
	} else if !found {
		place = len(parent.children)
	}
	parent.children = slices.Insert(parent.children, place, &node{raw: c.value})
	return true
}
