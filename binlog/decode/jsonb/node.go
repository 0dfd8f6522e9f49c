package jsonb

import "bytes"

// node is a value of a document that is being changed. It is opened, one level at a time, only where a change leads
// into it.
type node struct {
	raw      value
	open     bool // children, and not raw, say what is in it
	object   bool
	keys     [][]byte
	children []*node
}

// expand opens a node; false where it is no container.
func (n *node) expand() bool {
	if n.open {
		return true
	}
	if !n.raw.isContainer() {
		return false
	}
	c, ok := n.raw.container()
	if !ok {
		return false
	}
	for i := range c.count {
		v, ok := c.value(i)
		if !ok {
			return false
		}
		n.children = append(n.children, &node{raw: v})
		if c.object {
			key, ok := c.key(i)
			if !ok {
				return false
			}
			n.keys = append(n.keys, key)
		}
	}
	n.open, n.object = true, c.object
	return true
}

// find returns where in the node the step leads.
func (n *node) find(s step) (int, bool) {
	if !n.expand() || n.object != s.member {
		return 0, false
	}
	if !s.member {
		return s.index, s.index < len(n.children)
	}
	for i, key := range n.keys {
		if bytes.Equal(key, s.key) {
			return i, true
		}
	}
	return 0, false
}

func (n *node) child(s step) *node {
	place, ok := n.find(s)
	if !ok {
		return nil
	}
	return n.children[place]
}

func (w *writer) node(n *node, depth int) bool {
	switch {
	case !n.open:
		return w.value(n.raw, depth)
	case depth > maxDepth:
		return false
	case n.object:
		return w.openObject(n, depth)
	}
	w.dst = append(w.dst, '[')
	for i, child := range n.children {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if !w.node(child, depth+1) {
			return false
		}
	}
	w.dst = append(w.dst, ']')
	return true
}

func (w *writer) openObject(n *node, depth int) bool {
	members := make([]member, 0, len(n.keys))
	for i, key := range n.keys {
		members = append(members, member{key, i})
	}
	if !sorted(members) {
		return false
	}
	w.dst = append(w.dst, '{')
	for i, m := range members {
		w.key(i, m.key)
		if !w.node(n.children[m.place], depth+1) {
			return false
		}
	}
	w.dst = append(w.dst, '}')
	return true
}
