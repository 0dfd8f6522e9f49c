package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Role is what the holder of a token may do.
type Role string

// Roles. An operator may also do what a viewer may, an admin also what an operator may. A revealer
// sees the values in reports and nothing else, so it comes beside one of the others.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
	RoleRevealer Role = "revealer"
)

// includes tells whether holding r is enough where want is needed.
func (r Role) includes(want Role) bool {
	switch r {
	case RoleAdmin:
		return want == RoleAdmin || want == RoleOperator || want == RoleViewer
	case RoleOperator:
		return want == RoleOperator || want == RoleViewer
	case RoleViewer, RoleRevealer:
		return want == r
	}
	return false
}

// Identity is who is asking.
type Identity struct {
	Name  string `json:"name"`
	Roles []Role `json:"roles"`
}

// Has tells whether one of the identity's roles is, or includes, the wanted one.
func (i Identity) Has(want Role) bool {
	return slices.ContainsFunc(i.Roles, func(r Role) bool { return r.includes(want) })
}

// encode writes the identity for a header between nodes.
func (i Identity) encode() (string, error) {
	b, err := json.Marshal(i)
	if err != nil {
		return "", fmt.Errorf("api: encode identity: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func decodeIdentity(text string) (Identity, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Identity{}, fmt.Errorf("api: decode identity: %w", err)
	}
	var id Identity
	if err := json.Unmarshal(b, &id); err != nil {
		return Identity{}, fmt.Errorf("api: decode identity: %w", err)
	}
	if id.Name == "" {
		return Identity{}, fmt.Errorf("api: decode identity: %w", errNameless)
	}
	return id, nil
}

// Token is one caller that the API knows: the hash of its secret, its name for the logs and its roles.
type Token struct {
	Name   string
	SHA256 [sha256.Size]byte
	Roles  []Role
}

// Tokens are all callers that the API knows. Without any, only the open paths answer.
type Tokens []Token

// find returns the caller whose secret was presented. Every hash is compared, in constant time, so
// that the time taken tells nothing about any of them.
func (t Tokens) find(secret string) (Identity, bool) {
	hash := sha256.Sum256([]byte(secret))
	found := -1
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].SHA256[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Identity{}, false
	}
	return Identity{Name: t[found].Name, Roles: t[found].Roles}, true
}

// bearer returns the secret of an Authorization header (RFC 6750, section 2.1).
func bearer(header string) (string, bool) {
	scheme, secret, ok := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	return secret, ok && strings.EqualFold(scheme, "Bearer") && secret != ""
}

type callerKey struct{}

// caller is the identity of a request together with the way it came.
type caller struct {
	Identity
	forwarded bool // another node vouched for it
}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) (caller, bool) {
	c, ok := ctx.Value(callerKey{}).(caller)
	return c, ok
}
