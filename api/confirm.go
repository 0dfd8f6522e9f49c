package api

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// confirmFor is how long a preview may be confirmed.
const confirmFor = 5 * time.Minute

const (
	expiryBytes = 8
	tokenBytes  = expiryBytes + sha256.Size
)

// confirmer signs and checks confirmations. Its key lives as long as the process, so that a preview
// given by another node, or before a restart, is stale.
type confirmer struct{ key []byte }

func newConfirmer() *confirmer {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // Read never fails; it ends the program instead.
	return &confirmer{key: key}
}

// binding is what a confirmation stands for. Two requests with the same binding are the same change
// of the same world, asked for by the same person.
type binding struct {
	By          string `json:"by"`
	Action      string `json:"action"`
	Request     any    `json:"request"`
	Fingerprint string `json:"fingerprint"`
}

// issue returns the token for a binding and when it expires.
func (c *confirmer) issue(b binding, now time.Time) (token string, expires time.Time, err error) {
	expires = now.Add(confirmFor).UTC().Truncate(time.Second)
	head := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
	sum, err := c.sum(head, b)
	if err != nil {
		return "", time.Time{}, err
	}
	return base64.RawURLEncoding.EncodeToString(append(head, sum...)), expires, nil
}

// check tells whether the token was issued for the binding and has not expired.
func (c *confirmer) check(token string, b binding, now time.Time) error {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != tokenBytes {
		return failure(CodeStale, "the confirmation is not one that a preview gave out; ask for a preview and confirm with its token")
	}
	head := raw[:expiryBytes]
	want, err := c.sum(head, b)
	if err != nil {
		return err
	}
	if !hmac.Equal(raw[expiryBytes:], want) {
		return failure(CodeStale, "the confirmation is for another change, or the cluster is no longer as the preview showed it; nothing was done: ask for a new preview")
	}
	if now.Unix() > int64(binary.BigEndian.Uint64(head)) {
		return failure(CodeStale, "the confirmation expired after %s; nothing was done: ask for a new preview", confirmFor)
	}
	return nil
}

func (c *confirmer) sum(head []byte, b binding) ([]byte, error) {
	bound, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("api: encode what is confirmed: %w", err)
	}
	mac := hmac.New(sha256.New, c.key)
	mac.Write(head)
	mac.Write(bound)
	return mac.Sum(nil), nil
}
