package mysql

import (
	"strconv"
	"strings"
)

// Connection attributes by which people and other nodes know regent's connections
// (performance_schema.session_connect_attrs).
const (
	attributeNode = "regent_node"
	attributeTerm = "regent_term"
	attributeRole = "regent_role"
)

// attributes writes the driver's list of connection attributes, whose separator is the comma.
func (s *Server) attributes(role string, term uint64) string {
	node := strings.ReplaceAll(s.options.Node, ",", "_")
	list := attributeNode + ":" + node + "," + attributeRole + ":" + role
	if term > 0 {
		list += "," + attributeTerm + ":" + strconv.FormatUint(term, 10)
	}
	return list
}
