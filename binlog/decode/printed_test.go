//go:build integration

package decode_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/truth/verbose"
)

// sameText says whether a value is the one that mysqlbinlog printed, as exactly as it prints.
func sameText(c typed, ours decode.Value, theirs verbose.Value) bool {
	switch {
	case theirs.Type == verbose.Unprinted:
		return ours.Kind == decode.Binary || ours.Kind == decode.Null
	case theirs.Type == verbose.Absent:
		return ours.Kind == decode.Absent
	case theirs.Null:
		return ours.Kind == decode.Null
	case ours.Kind == decode.Null || ours.Kind == decode.Absent:
		return false
	}
	switch theirs.Type {
	case "FLOAT":
		f, err := strconv.ParseFloat(ours.Text, 64)
		return err == nil && sameNumber(fmt.Sprintf("%.6g", f), theirs.Text)
	case "DOUBLE":
		f, err := strconv.ParseFloat(theirs.Text, 64)
		return err == nil && ours == decode.FloatValue(f)
	case "VECTOR":
		return vectorText(ours.Text) == theirs.Text
	case "JSON":
		return theirs.Change || sameDocument(ours.Text, theirs.Text)
	case "STRING", "VARSTRING", "TINYBLOB/TINYTEXT", "BLOB/TEXT", "MEDIUMBLOB/MEDIUMTEXT", "LONGBLOB/LONGTEXT":
		if c.pad > 0 { // BINARY has lost its trailing zeros in the log.
			return len(ours.Text) == c.pad && strings.TrimRight(ours.Text, "\x00") == strings.TrimRight(theirs.Text, "\x00")
		}
		return ours.Text == theirs.Text
	case "DATE", "TIME", "DATETIME", "TIMESTAMP":
		return ours == decode.TimeValue(timeText(theirs))
	case "YEAR":
		return ours.Text == theirs.Text || ours.Text == "0" && theirs.Text == "1900" // The year 0000 is printed as that.
	}
	if c.Unsigned {
		return ours.Text == theirs.Wide
	}
	return ours.Text == theirs.Text
}

// timeText is the time as the server spells it: mysqlbinlog prints dates with colons, and the seconds of a TIMESTAMP.
func timeText(v verbose.Value) string {
	switch v.Type {
	case "DATE":
		return strings.ReplaceAll(v.Text, ":", "-")
	case "TIMESTAMP":
		seconds, fraction, _ := strings.Cut(v.Text, ".")
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return v.Text
		}
		if n < 0 { // The old type is printed with a sign, and stored without.
			n += 1 << 32
		}
		text := time.Unix(n, 0).UTC().Format(time.DateTime)
		if n == 0 {
			text = "0000-00-00 00:00:00"
		}
		return text + "." + fraction
	}
	return v.Text
}

// vectorText is a vector in six digits, as mysqlbinlog prints it.
func vectorText(raw string) string {
	var out []string
	for i := 0; i+4 <= len(raw); i += 4 {
		f := math.Float32frombits(binary.LittleEndian.Uint32([]byte(raw[i:])))
		out = append(out, fmt.Sprintf("%.5e", f))
	}
	return "[" + strings.Join(out, ",") + "]"
}

// sameDocument compares documents; one that is a single text is printed without its quotes.
func sameDocument(ours, theirs string) bool {
	mine, ok := parsed(ours)
	if text, single := mine.(string); single {
		return ok && text == theirs
	}
	other, okOther := parsed(theirs)
	return ok && okOther && reflect.DeepEqual(mine, other)
}

// parsed reads a document with exact numbers, in which those that are integers are told apart.
func parsed(text string) (any, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var out any
	if decoder.Decode(&out) != nil || decoder.More() {
		return nil, false
	}
	return exact(out), true
}

// number is the value of a number, and whether it is written as a fraction. Of whole numbers that are too long for a
// double only the value counts: written as a fraction they are decimals.
type number struct {
	value    string
	fraction bool
}

func numberOf(text string) number {
	exact, _ := new(big.Rat).SetString(text)
	if !strings.ContainsAny(text, ".eE") {
		return number{exact.RatString(), false}
	}
	const doubleDigits = 17
	digits := strings.TrimLeft(strings.Replace(strings.TrimRight(text, "0"), ".", "", 1), "-0")
	if !strings.ContainsAny(text, "eE") && len(digits) > doubleDigits {
		return number{exact.RatString(), !exact.IsInt()}
	}
	f, _ := exact.Float64() // Two spellings of seventeen digits may be of one double.
	return number{fmt.Sprint(f), true}
}

func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		return numberOf(v.String())
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = exact(v[name])
		}
	}
	return v
}

// sameNumber compares two spellings.
func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}
