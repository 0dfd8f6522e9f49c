package api

// Operation is a route as tests see it.
type Operation struct {
	Method, Path string
	Role         Role
	Leader       bool
}

// Operations lists the routes of a server.
func (s *Server) Operations() []Operation {
	var out []Operation
	for _, r := range s.table() {
		out = append(out, Operation{Method: r.method, Path: r.path, Role: r.role, Leader: r.leader})
	}
	return out
}

// Description is the OpenAPI description.
func Description() []byte { return description }

// IdentityHeader is what a forwarding node writes about its caller.
const IdentityHeader = headerIdentity

// EncodeIdentity is how it writes that.
func EncodeIdentity(id Identity) (string, error) { return id.encode() }

// DecodeIdentity reads that.
func DecodeIdentity(text string) (Identity, error) { return decodeIdentity(text) }
