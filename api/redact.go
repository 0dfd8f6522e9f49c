package api

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// redactor hides the values of rows from those who may not see them. A value becomes a keyed hash, so
// that "unchanged" and "the same as over there" can still be told; the key lives as long as the process.
type redactor struct{ key []byte }

func newRedactor() *redactor {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // Read never fails; it ends the program instead.
	return &redactor{key: key}
}

// errNotTransactions means that a file of transactions does not hold what it should.
var errNotTransactions = errors.New("api: not the NDJSON of transactions")

// copy passes transactions on, one JSON object per line, with the columns of before, after and live
// hidden. It holds one row at a time, whatever the size of the transaction.
func (r *redactor) copy(dst io.Writer, src io.Reader) error {
	decoder := json.NewDecoder(src)
	decoder.UseNumber()
	out := bufio.NewWriter(dst)
	p := &redaction{redactor: r, in: decoder, out: out}
	for decoder.More() {
		if err := p.object(p.transaction); err != nil {
			return fmt.Errorf("%w: %w", errNotTransactions, err)
		}
		out.WriteByte('\n') //nolint:errcheck // bufio keeps the error for Flush.
	}
	return out.Flush()
}

// redaction is one walk over a file.
type redaction struct {
	*redactor
	in  *json.Decoder
	out *bufio.Writer
}

// transaction passes on one field of a transaction.
func (p *redaction) transaction(field string) error {
	if field != "rows" {
		return p.plain()
	}
	return p.array(func() error { return p.object(p.row) })
}

// row passes on one field of a row.
func (p *redaction) row(field string) error {
	switch field {
	case "before", "after", "live":
		return p.hidden()
	}
	return p.plain()
}

// plain passes a value on as it is.
func (p *redaction) plain() error {
	raw, err := p.value()
	if err != nil {
		return err
	}
	_, err = p.out.Write(raw)
	return err
}

// hidden passes on an image of a row: the names of its columns, and hashes for their values.
func (p *redaction) hidden() error {
	raw, err := p.value()
	if err != nil {
		return err
	}
	var image map[string]json.RawMessage
	if json.Unmarshal(raw, &image) != nil {
		_, err = p.out.Write(p.hash("", raw))
		return err
	}
	for column, value := range image {
		image[column] = p.hash(column, value)
	}
	raw, err = json.Marshal(image)
	if err != nil {
		return err
	}
	_, err = p.out.Write(raw)
	return err
}

// hash is what is shown instead of a value; that there is none is shown.
func (r *redactor) hash(column string, value json.RawMessage) json.RawMessage {
	if bytes.Equal(value, []byte("null")) {
		return value
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(column))
	mac.Write([]byte{0})
	mac.Write(value)
	return json.RawMessage(`"#` + hex.EncodeToString(mac.Sum(nil)[:6]) + `"`)
}

func (p *redaction) value() (json.RawMessage, error) {
	var raw json.RawMessage
	if err := p.in.Decode(&raw); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// object walks an object; each consumes and writes one field's value.
func (p *redaction) object(each func(field string) error) error {
	return p.walk('{', '}', func() error {
		token, err := p.in.Token()
		if err != nil {
			return err
		}
		field, _ := token.(string)
		quoted, err := json.Marshal(field)
		if err != nil {
			return err
		}
		p.out.Write(append(quoted, ':')) //nolint:errcheck // bufio keeps the error for Flush.
		return each(field)
	})
}

func (p *redaction) array(each func() error) error { return p.walk('[', ']', each) }

// walk passes on what stands between two delimiters, and null in place of all of it.
func (p *redaction) walk(begin, end json.Delim, each func() error) error {
	token, err := p.in.Token()
	if err != nil {
		return err
	}
	if token == nil {
		_, err = p.out.WriteString("null")
		return err
	}
	if token != begin {
		return fmt.Errorf("%v in place of %v", token, begin)
	}
	p.out.WriteString(begin.String()) //nolint:errcheck // bufio keeps the error for Flush.
	for first := true; p.in.More(); first = false {
		if !first {
			p.out.WriteByte(',') //nolint:errcheck // bufio keeps the error for Flush.
		}
		if err := each(); err != nil {
			return err
		}
	}
	if _, err = p.in.Token(); err != nil {
		return err
	}
	_, err = p.out.WriteString(end.String())
	return err
}
