package report

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/regentdb/regent/binlog/decode"
)

// Lines and the data of a page are spelled here, byte for byte as encoding/json spells them.

const lowerHex = "0123456789abcdef"

// appendText appends a text in quotes. What could be markup is escaped.
func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			if !isPlain(b) {
				dst = appendEscape(append(dst, text[from:i]...), b)
				from = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, text[from:i]...), `\ufffd`...)
			from = i + size
		case r == lineSeparator || r == paragraphSeparator:
			dst = append(append(dst, text[from:i]...), `\u202`...)
			dst = append(dst, lowerHex[r&0xf])
			from = i + size
		}
		i += size
	}
	return append(append(dst, text[from:]...), '"')
}

// Script takes these for ends of a line.
const (
	lineSeparator      = '\u2028'
	paragraphSeparator = '\u2029'
)

// isPlain says that an ASCII byte stands for itself.
func isPlain(b byte) bool {
	return b >= ' ' && b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
}

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', lowerHex[b>>4], lowerHex[b&0xf])
}

// appendDocument appends JSON without spaces, and what could be markup escaped; false where the text is no JSON.
func appendDocument[T ~string | ~[]byte](dst []byte, text T) ([]byte, bool) {
	from := len(dst)
	dst = append(dst, text...)
	switch {
	case ended(dst[from:], 0, 0) != len(text):
		var compact bytes.Buffer
		if json.Compact(&compact, dst[from:]) != nil {
			return dst[:from], false
		}
		return appendHarmless(dst[:from], compact.Bytes()), true
	case hasMarkup(dst[from:]):
		return appendHarmless(dst[:from], bytes.Clone(dst[from:])), true
	}
	return dst, true
}

func appendHarmless(dst, text []byte) []byte {
	out := bytes.NewBuffer(dst)
	json.HTMLEscape(out, text)
	return out.Bytes()
}

// hasMarkup says that there may be something to escape.
func hasMarkup(text []byte) bool {
	const separators = 0xe2 // How they begin.
	for _, b := range text {
		if b == '<' || b == '>' || b == '&' || b == separators {
			return true
		}
	}
	return false
}

// appendValue shows a value: numbers as numbers, documents as documents, exact decimals and everything else as text,
// bytes that are no text in hexadecimal digits. Odd says that the kind alone does not lead back to the value: a document
// null, a number or document that is no JSON, text that is no UTF-8.
func appendValue(dst []byte, v decode.Value) (out []byte, odd bool) {
	switch v.Kind {
	case decode.Absent, decode.Null:
		return append(dst, "null"...), false
	case decode.Integer, decode.Float, decode.JSON:
		if v.Kind != decode.JSON && numberEnded(v.Text, 0) == len(v.Text) {
			return append(dst, v.Text...), false
		}
		out, valid := appendDocument(dst, v.Text)
		if valid {
			return out, v.Text == "null"
		}
		odd = true
	case decode.Binary:
		return appendHex(dst, v.Text), false
	case decode.Decimal, decode.Time, decode.Text:
	}
	if !utf8.ValidString(v.Text) {
		return appendHex(dst, v.Text), true
	}
	return appendText(dst, v.Text), odd
}

const hexPrefix = "0x"

func appendHex(dst []byte, text string) []byte {
	dst = append(append(dst, '"'), hexPrefix...)
	for i := range len(text) {
		dst = append(dst, lowerHex[text[i]>>4], lowerHex[text[i]&0xf])
	}
	return append(dst, '"')
}

// textOf returns what a JSON text stands for.
func textOf(text []byte) (string, error) {
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) && len(text) > 1 && textEnded(text, 0) == len(text) {
		return string(text[1 : len(text)-1]), nil
	}
	plain, err := unquoted(nil, text)
	return string(plain), err
}

// unquoted appends what a JSON text stands for.
func unquoted(dst, text []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '"' || textEnded(text, 0) != len(text) || !utf8.Valid(text) {
		return unquotedSlowly(dst, text)
	}
	from := len(dst)
	for inner := text[1 : len(text)-1]; ; {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return append(dst, inner...), nil
		}
		dst = append(dst, inner[:i]...)
		size := 2
		switch b := inner[i+1]; b {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := unhexRune(inner, i+2)
			if !utf8.ValidRune(r) { // Half of a pair.
				return unquotedSlowly(dst[:from], text)
			}
			dst = utf8.AppendRune(dst, r)
			size += runeDigits
		default:
			dst = append(dst, b)
		}
		inner = inner[i+size:]
	}
}

func unquotedSlowly(dst, text []byte) ([]byte, error) {
	var plain string
	if err := json.Unmarshal(text, &plain); err != nil {
		return dst, err
	}
	return append(dst, plain...), nil
}
