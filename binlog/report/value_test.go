package report

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/regentdb/regent/binlog/decode"
)

// TestValuesComeBackFromTheirJSON: the lines are the source, so that SQL made of them must not lose a bit.
func TestValuesComeBackFromTheirJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(t)
		text, odd := appendValue(nil, v)
		line, err := json.Marshal(Image{{Column: "c", Value: text}})
		if err != nil {
			t.Fatal(err)
		}
		var image Image
		if err := json.Unmarshal(line, &image); err != nil || len(image) != 1 || image[0].Column != "c" {
			t.Fatalf("%s: %v, %v", line, image, err)
		}
		kind := v.Kind
		if kind == decode.Null {
			kind = rapid.SampledFrom([]decode.Kind{decode.Integer, decode.Text, decode.Binary, decode.JSON}).Draw(t, "column")
		}
		if got, err := valueOf(kind, image[0].Value, odd); err != nil || got != v {
			t.Fatalf("%#v became %s (%v), then %#v, %v", v, line, odd, got, err)
		}
	})
}

func anyValue(t *rapid.T) decode.Value {
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return decode.NullValue()
	case 1:
		return decode.UnsignedValue(rapid.Uint64().Draw(t, "n"))
	case 2:
		return decode.IntegerValue(rapid.Int64().Draw(t, "n"))
	case 3:
		return decode.FloatValue(rapid.Float64Range(-1e300, 1e300).Draw(t, "f"))
	case 4:
		return decode.Value{Kind: decode.Decimal, Text: rapid.StringMatching(`-?[0-9]{1,30}\.[0-9]{2}`).Draw(t, "decimal")}
	case 5:
		return decode.Value{Kind: decode.Binary, Text: string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))}
	case 6:
		return decode.JSONValue(rapid.SampledFrom([]string{
			`null`, `"text"`, `"0x41"`, `{"b":"<&>","a":[1,2.5,null]}`, `12345678901234567890`, `[]`, `1.0`, `true`, `not JSON`, `"\u2028"`, `"\\u003c\\\\u003e\u0026\n"`, `{"<a>":"\\\\\u003c"}`,
		}).Draw(t, "document"))
	case 7:
		return decode.Value{Kind: decode.Text, Text: rapid.SampledFrom([]string{"0x41", "null", "", "\x00", "\u2028", "<b>"}).Draw(t, "text")}
	}
	return decode.Value{Kind: decode.Text, Text: string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))}
}

func TestValuesThatDoNotFitAreRefusedUnnamed(t *testing.T) {
	for _, c := range []struct {
		kind decode.Kind
		text string
		odd  bool
	}{
		{decode.Integer, `"secret"`, false},
		{decode.Integer, `{"secret":1}`, false},
		{decode.Text, `123456`, false},
		{decode.Text, `"secret"`, true},
		{decode.Binary, `"secret"`, false},
		{decode.Binary, `"0xsecret"`, false},
		{decode.Time, `true`, false},
	} {
		if _, err := valueOf(c.kind, json.RawMessage(c.text), c.odd); !errors.Is(err, errValue) || err.Error() != errValue.Error() {
			t.Errorf("%s as %d: %v", c.text, c.kind, err)
		}
	}
}
