package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// Role is what the holder of a token may do.
type Role string

// Roles. They are a list, not a ladder: a token has exactly those that it names.
const (
	RoleViewer   Role = "viewer"   // reads
	RoleOperator Role = "operator" // changes the course of clusters
	RoleAdmin    Role = "admin"    // changes what is declared
	RoleRevealer Role = "revealer" // sees row values in reports
)

// UnmarshalText refuses every other word.
func (r *Role) UnmarshalText(text []byte) error {
	switch role := Role(text); role {
	case RoleViewer, RoleOperator, RoleAdmin, RoleRevealer:
		*r = role
		return nil
	default:
		return fmt.Errorf("role %q is unknown: use viewer, operator, admin or revealer", text)
	}
}

// Token is one caller of the API. The secret itself is not kept.
type Token struct {
	Name   string
	SHA256 [sha256.Size]byte
	Roles  []Role
}

// Tokens are all callers of the API.
type Tokens []Token

// Find gives the token whose secret was presented. Every token is compared, in constant time, so that
// the time taken tells nothing about any of them.
func (t Tokens) Find(presented string) (Token, bool) {
	hash := sha256.Sum256([]byte(presented))
	found := -1
	for i := range t {
		if subtle.ConstantTimeCompare(hash[:], t[i].SHA256[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Token{}, false
	}
	return t[found], true
}

// tokensFile is the form on disk.
type tokensFile struct {
	Tokens []tokenEntry `yaml:"tokens"`
}

type tokenEntry struct {
	Name   string `yaml:"name"`
	Token  string `yaml:"token"`
	SHA256 string `yaml:"token_sha256"`
	Roles  []Role `yaml:"roles"`
}

// minTokenLength is the length below which a token in the file can be guessed.
const minTokenLength = 16

// LoadTokens reads the tokens of the API. Warnings and errors are as for [LoadNode].
func LoadTokens(path string) (tokens Tokens, warnings []Problem, err error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, nil, fmt.Errorf("config: read the tokens file: %w%s", err, openAdvice(err))
	}
	tokens, doc := parseTokens(path, data)
	doc.checkReadable("", path, secret)
	sortProblems(doc.warnings)
	if err := doc.err(); err != nil {
		return nil, doc.warnings, err
	}
	return tokens, doc.warnings, nil
}

// parseTokens decodes and checks the content of a tokens file.
func parseTokens(name string, data []byte) (Tokens, *document) {
	var file tokensFile
	doc := parseDocument(name, data, &file)
	if len(file.Tokens) == 0 {
		doc.problemAt("tokens", "no token is listed, so nobody could call the API: add one with a name, a token and roles")
	}
	names, hashes := map[string]string{}, map[string]string{}
	tokens := make(Tokens, 0, len(file.Tokens))
	for i, entry := range file.Tokens {
		at := fmt.Sprintf("tokens[%d]", i)
		doc.checkName(at+".name", entry.Name, "it appears in the audit log, like ops")
		doc.checkUnique(names, at+".name", entry.Name)
		if len(entry.Roles) == 0 {
			doc.problemAt(at+".roles", "missing: list one or more of viewer, operator, admin, revealer")
		}
		hash, ok := doc.tokenHash(at, entry)
		if first, repeated := hashes[string(hash[:])]; ok && repeated {
			doc.problemAt(at, "has the same secret as %s (line %d): callers could not be told apart", first, doc.line(first))
		}
		hashes[string(hash[:])] = at
		tokens = append(tokens, Token{Name: entry.Name, SHA256: hash, Roles: entry.Roles})
	}
	return tokens, doc
}

// tokenHash gives the hash of an entry, given as the secret or as the hash itself.
func (d *document) tokenHash(at string, entry tokenEntry) (hash [sha256.Size]byte, ok bool) {
	switch {
	case entry.Token == "" && entry.SHA256 == "":
		d.problemAt(at+".token", "missing: write the secret as token, or its SHA-256 in hexadecimal as token_sha256")
		return hash, false
	case entry.Token != "" && entry.SHA256 != "":
		d.problemAt(at+".token_sha256", "token is given as well: keep one of the two")
		return hash, false
	case entry.Token != "":
		d.checkTokenText(at+".token", entry.Token)
		return sha256.Sum256([]byte(entry.Token)), true
	default:
		raw, err := hex.DecodeString(entry.SHA256)
		if err != nil || len(raw) != sha256.Size {
			d.problemAt(at+".token_sha256", "is not the 64 hexadecimal digits of a SHA-256: make it with printf %%s SECRET | sha256sum")
			return hash, false
		}
		return [sha256.Size]byte(raw), true
	}
}

// checkTokenText wants a secret that survives an HTTP header and is not guessed.
func (d *document) checkTokenText(path, token string) {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		d.problemAt(path, "holds a space or a character that an HTTP header cannot carry: use letters, digits and punctuation")
		return
	}
	if len(token) < minTokenLength {
		d.warnAt(path, "is shorter than %d characters and can be guessed: make one with openssl rand -hex 24", minTokenLength)
	}
}
