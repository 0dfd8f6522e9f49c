package apitest

import (
	"crypto/sha256"

	"github.com/regentdb/regent/api"
)

// Secrets of the sample's tokens; each is also the name of its caller.
const (
	Viewer   = "token-of-a-viewer"
	Operator = "token-of-an-operator"
	Admin    = "token-of-an-admin"
	Revealer = "token-of-a-revealer"   // who may view nothing else
	Everyone = "token-of-all-roles"    // as the lab's
	Nobody   = "token-without-a-role"  // known, and allowed nothing
	Unknown  = "token-that-is-unknown" // not known at all
)

// Tokens are the callers that the sample's server knows.
func Tokens() api.Tokens {
	token := func(secret string, roles ...api.Role) api.Token {
		return api.Token{Name: secret, SHA256: sha256.Sum256([]byte(secret)), Roles: roles}
	}
	return api.Tokens{
		token(Viewer, api.RoleViewer), token(Operator, api.RoleOperator), token(Admin, api.RoleAdmin), token(Revealer, api.RoleRevealer),
		token(Everyone, api.RoleViewer, api.RoleOperator, api.RoleAdmin, api.RoleRevealer), token(Nobody),
	}
}
