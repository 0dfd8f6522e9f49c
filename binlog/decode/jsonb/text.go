package jsonb

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// exactDigits is how many digits a number may have before it cannot be a double: the shortest text of a double, which
// the server prints, never has more than 17.
const exactDigits = 17

// Number returns the one spelling of a number of a document. Integers and doubles stay apart, as the server stores
// them as different types. A number with a fraction has the spelling of the double that it is; one that no double
// holds, which is a decimal, keeps its digits.
func Number(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	if exact, ok := decimal(text); ok {
		return exact
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return string(appendDouble(nil, f))
}

// decimal returns a number of more digits than a double has without trailing zeros.
func decimal(text string) (string, bool) {
	if strings.ContainsAny(text, "eE") {
		return "", false
	}
	text = strings.TrimRight(text, "0")
	digits := strings.TrimLeft(strings.Replace(text, ".", "", 1), "-0")
	return strings.TrimSuffix(text, "."), len(digits) > exactDigits
}

func appendDouble(dst []byte, f float64) []byte {
	begin := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	for _, c := range dst[begin:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendString appends a quoted string as encoding/json does, so that both ways to a text meet.
func appendString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			i++
			if c >= ' ' && c != '"' && c != '\\' {
				dst = append(dst, c)
			} else if short := strings.IndexByte("\b\f\n\r\t\"\\", c); short >= 0 {
				dst = append(dst, '\\', `bfnrt"\`[short])
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		i += size
		if r == '\u2028' || r == '\u2029' {
			dst = append(dst, `\u202`...)
			dst = append(dst, hex[r&15])
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return append(dst, '"')
}
