package verbose

import (
	"errors"
	"fmt"
	mathbits "math/bits"
	"strconv"
	"strings"
)

// ErrFormat is returned for text that mysqlbinlog does not print.
var ErrFormat = errors.New("not the text of mysqlbinlog -v -v")

// Absent is the type of a column that the image leaves out.
const Absent = ""

// Unprinted is the type of a column that mysqlbinlog cannot print.
const Unprinted = "!!"

// Value is one column of a row image.
type Value struct {
	// Type is mysqlbinlog's name for the type, as in TINYINT, VARSTRING or BLOB/TEXT, without its size; Absent where
	// the image leaves the column out.
	Type string
	Null bool
	// Text is the value: strings as bytes, numbers in decimal digits, BIT and SET as the number, the rest as printed.
	Text string
	// Wide is the value of a negative integer if the column is unsigned; the same as Text for other values.
	Wide string
	// Change says that Text is an expression that changes the JSON document before.
	Change bool
}

// Exact says whether Text determines what is stored.
func (v Value) Exact() bool {
	switch v.Type {
	case Absent, Unprinted:
		return false
	case "FLOAT", "VECTOR":
		return v.Null
	}
	return !v.Change
}

// parseValue reads what stands behind @n=.
func parseValue(text string) (Value, error) {
	if strings.HasPrefix(text, Unprinted) {
		return Value{Type: Unprinted}, nil
	}
	at := strings.LastIndex(text, " /* ")
	if at < 0 {
		return Value{}, fmt.Errorf("verbose: value without a type: %w", ErrFormat)
	}
	v := Value{Type: typeOf(text[at+len(" /* "):])}
	printed := strings.TrimRight(text[:at], " ")
	if printed == "NULL" {
		v.Null = true
		return v, nil
	}
	err := v.parse(printed)
	if err != nil {
		return Value{}, fmt.Errorf("verbose: value of type %s: %w", v.Type, err)
	}
	return v, nil
}

// typeOf takes the name of the type out of the comment, as in "STRING(40) meta=65064 nullable=1 is_null=0 */".
func typeOf(comment string) string {
	name, _, _ := strings.Cut(comment, " meta=")
	name, _, _ = strings.Cut(name, "(")
	return name
}

func (v *Value) parse(printed string) (err error) {
	switch {
	case strings.HasPrefix(printed, "'"):
		v.Text, err = unquote(printed)
	case strings.HasPrefix(printed, "b'"):
		v.Text, err = bits(printed, v.Type == "SET")
	case v.Type == "JSON":
		v.Text, v.Change = printed, true
	default:
		v.Text = printed
		if signed, unsigned, two := strings.Cut(printed, " ("); two {
			v.Text, v.Wide = signed, strings.TrimSuffix(unsigned, ")")
		}
	}
	if v.Wide == "" {
		v.Wide = v.Text
	}
	return err
}

// bits reads the number of a BIT or SET. The bytes of a SET are printed as they are stored, the lowest first.
func bits(printed string, lowestFirst bool) (string, error) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(printed, "b'"), "'")
	n, err := strconv.ParseUint(digits, 2, 64)
	if !ok || err != nil {
		return "", ErrFormat
	}
	if lowestFirst {
		n = mathbits.ReverseBytes64(n) >> (64 - len(digits))
	}
	return strconv.FormatUint(n, 10), nil
}

// unquote undoes the quoting of strings (my_b_write_quoted in the server's sources).
func unquote(printed string) (string, error) {
	if len(printed) < 2 || printed[0] != '\'' || printed[len(printed)-1] != '\'' {
		return "", ErrFormat
	}
	in := printed[1 : len(printed)-1]
	if !strings.Contains(in, `\`) {
		return in, nil
	}
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			out = append(out, in[i])
			continue
		}
		c, size, err := unescape(in[i+1:])
		if err != nil {
			return "", err
		}
		out = append(out, c)
		i += size
	}
	return string(out), nil
}

// unescape reads what follows a backslash, and says how many characters that are.
func unescape(in string) (c byte, size int, err error) {
	if in == "" {
		return 0, 0, ErrFormat
	}
	switch in[0] {
	case 'n':
		return '\n', 1, nil
	case 'r':
		return '\r', 1, nil
	case 't':
		return '\t', 1, nil
	case 'b':
		return '\b', 1, nil
	case 'f':
		return '\f', 1, nil
	case '\\', '\'':
		return in[0], 1, nil
	case 'x':
		if len(in) >= 3 {
			if n, err := strconv.ParseUint(in[1:3], 16, 8); err == nil {
				return byte(n), 3, nil
			}
		}
	}
	return 0, 0, ErrFormat
}
