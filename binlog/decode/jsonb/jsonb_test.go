package jsonb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/decode/decodetest"
	"github.com/regentdb/regent/binlog/decode/jsonb"
)

func TestValues(t *testing.T) {
	packed := func(n int64) []byte {
		out := make([]byte, 8)
		for i := range out {
			out[i] = byte(n >> (8 * i))
		}
		return out
	}
	const day, clock = (2018*13+10)<<22 | 21<<17, 22<<12 | 52<<6 | 10
	for want, v := range map[string]any{
		"null": nil, "true": true, "false": false, "-32768": int16(math.MinInt16), "65535": uint16(math.MaxUint16),
		"-2147483648": int32(math.MinInt32), "4294967295": uint32(math.MaxUint32), "-9223372036854775808": int64(math.MinInt64),
		"18446744073709551615": uint64(math.MaxUint64), "1.0": 1.0, "-0.0": math.Copysign(0, -1), "0.1": 0.1, "1e+20": 1e20,
		"5e-324": 5e-324, `"a\"\\\n\u0000<>é"`: "a\"\\\n\x00<>é", "[]": []any{}, "{}": map[string]any{},
		`{"a":1,"aa":2,"b":[null,"x"]}`: map[string]any{"b": []any{nil, "x"}, "aa": int16(2), "a": int32(1)},
		// What go-mysql v1.16 prints in another way than the server.
		`"00:00:00.000000"`:            decodetest.Opaque{Type: 11, Content: packed(0)},
		`"0000-00-00 00:00:00.000000"`: decodetest.Opaque{Type: 12, Content: packed(0)},
		`"0000-00-00"`:                 decodetest.Opaque{Type: 10, Content: packed(0)},
		`"base64:type252:` + strings.Repeat("AAAA", 19) + `\nAAAA"`: decodetest.Opaque{Type: 252, Content: make([]byte, 60)},

		`"2018-10-21"`:                 decodetest.Opaque{Type: 10, Content: packed(day << 24)},
		`"2018-10-21 22:52:10.000005"`: decodetest.Opaque{Type: 12, Content: packed((day|clock)<<24 | 5)},
		`"-22:52:10.250000"`:           decodetest.Opaque{Type: 11, Content: packed(-(clock<<24 | 250000))},
		`"base64:type16:BQ=="`:         decodetest.Opaque{Type: 16, Content: []byte{5}},
		"12.5":                         decodetest.Opaque{Type: 246, Content: []byte{4, 2, 0x80 | 12, 50}},
		"-12.5":                        decodetest.Opaque{Type: 246, Content: []byte{4, 2, 0x7f &^ 12, 0xff ^ 50}},
		"77":                           decodetest.Opaque{Type: 246, Content: []byte{2, 0, 0x80 | 77}},
	} {
		for _, large := range []bool{false, true} {
			got, err := jsonb.Append(nil, decodetest.Document(v, large))
			if err != nil || string(got) != want {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
		}
	}
	if got, err := jsonb.Append(nil, nil); err != nil || string(got) != "null" {
		t.Errorf("the empty document: %s, %v", got, err)
	}
}

func TestNumberHasOneSpelling(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "-7": "-7", "1.0": "1.0", "1.50": "1.5", "1e20": "1e+20", "1E20": "1e+20", "100000000000000000000.0": "100000000000000000000",
		"12345678901234567890.1234567890": "12345678901234567890.123456789", "0.10": "0.1", "-0.0": "-0.0",
		"0.000000000000000000000000000001": "1e-30", "12345678901234567890123": "12345678901234567890123",
	} {
		if got := jsonb.Number(text); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}

// document is one that all the changes below are made in.
func document() map[string]any {
	return map[string]any{
		"a": int16(1), "odd \"key\"": "x", "list": []any{int16(1), int16(2), map[string]any{"deep": []any{"d"}}}, "": true,
	}
}

func TestChanges(t *testing.T) {
	const replace, insert, remove = 0, 1, 2
	type changes = []decodetest.JSONChange
	for _, c := range []struct {
		name    string
		changes changes
		want    string
	}{
		{"none", nil, `{"":true,"a":1,"list":[1,2,{"deep":["d"]}],"odd \"key\"":"x"}`},
		{"all of it", changes{{Operation: replace, Path: "$", Value: []any{}}}, `[]`},
		{"a member", changes{{Operation: replace, Path: "$.a", Value: "z"}}, `{"":true,"a":"z","list":[1,2,{"deep":["d"]}],"odd \"key\"":"x"}`},
		{
			"several",
			changes{
				{Operation: replace, Path: `$."odd \"key\""`, Value: 1.5},
				{Operation: remove, Path: "$.list[0]", Value: nil},
				{Operation: insert, Path: "$.list[1].deep[0]", Value: nil},
				{Operation: insert, Path: "$.new", Value: map[string]any{"k": nil}},
				{Operation: replace, Path: "$.new.k", Value: uint64(7)},
				{Operation: remove, Path: `$.""`, Value: nil},
			},
			`{"a":1,"list":[2,{"deep":[null,"d"]}],"new":{"k":7},"odd \"key\"":1.5}`,
		},
		{"behind the end", changes{{Operation: insert, Path: "$.list[9]", Value: false}}, `{"":true,"a":1,"list":[1,2,{"deep":["d"]},false],"odd \"key\"":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := jsonb.AppendChanged(nil, decodetest.Document(document(), false), decodetest.Changes(c.changes...))
			if err != nil || string(got) != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
	for name, change := range map[string]decodetest.JSONChange{
		"no such member": {Operation: replace, Path: "$.b"}, "no such element": {Operation: remove, Path: "$.list[3]"},
		"not an array": {Operation: insert, Path: "$.a[0]"}, "not an object": {Operation: insert, Path: "$.list.a"},
		"there already": {Operation: insert, Path: "$.a"}, "no parent": {Operation: insert, Path: "$.b.c"}, "the root": {Operation: remove, Path: "$"},
	} {
		_, err := jsonb.AppendChanged(nil, decodetest.Document(document(), false), decodetest.Changes(change))
		if !errors.Is(err, jsonb.ErrElsewhere) {
			t.Errorf("%s: %v, want ErrElsewhere", name, err)
		}
	}
	for _, path := range []string{"", "a", "$.", "$[", "$[]", "$[last]", "$[-1]", "$.*", "$**.a", `$."a`, "$[1", "$a"} {
		_, err := jsonb.AppendChanged(nil, decodetest.Document(document(), false), decodetest.Changes(decodetest.JSONChange{Path: path}))
		if !errors.Is(err, jsonb.ErrCorrupt) {
			t.Errorf("path %q: %v, want ErrCorrupt", path, err)
		}
	}
}

func TestADocumentThatShowsOnePartManyTimesIsCorrupt(t *testing.T) {
	// An array of two entries that both show the array behind it, and so on: 2^50 values in some 500 bytes.
	const levels, size = 50, 10
	var doc []byte
	for level := range levels {
		left := (levels - level) * size
		doc = append(doc, 2, 0, byte(left), byte(left>>8), 2, size, 0, 2, size, 0)
	}
	doc = append([]byte{2}, append(doc, 0, 0, 4, 0)...)
	if _, err := jsonb.Append(nil, doc); !errors.Is(err, jsonb.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(decodetest.Document(document(), false), decodetest.Changes(decodetest.JSONChange{Path: "$.list[2].deep", Value: "x"}))
	f.Add(decodetest.Document(document(), true), decodetest.Changes(decodetest.JSONChange{Operation: 1, Path: "$.b", Value: 1.5}))
	f.Fuzz(func(t *testing.T, document, changes []byte) {
		plain, err := jsonb.Append([]byte("before"), document)
		check(t, plain, err)
		changed, err := jsonb.AppendChanged([]byte("before"), document, changes)
		check(t, changed, err)
		if len(changes) == 0 && err == nil && !bytes.Equal(plain, changed) {
			t.Fatalf("%s without a change is %s", plain, changed)
		}
	})
}

// check says that a text is JSON in its canonical form.
func check(t *testing.T, text []byte, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, jsonb.ErrCorrupt) && !errors.Is(err, jsonb.ErrElsewhere) {
			t.Fatalf("undocumented error %v", err)
		}
		return
	}
	text, found := bytes.CutPrefix(text, []byte("before"))
	var compact bytes.Buffer
	if !found || json.Compact(&compact, text) != nil || !bytes.Equal(compact.Bytes(), text) {
		t.Fatalf("not compact JSON: %q", text)
	}
}

func FuzzStringsAreThoseOfEncodingJSON(f *testing.F) {
	f.Add("a\"\\\b\f\n\r\t\x00\x1f\x7f<&>é😀\u2028\u2029\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := jsonb.Append(nil, decodetest.Document(s, false))
		if err != nil {
			t.Fatal(err)
		}
		// What is not UTF-8 becomes replacement characters, one for each byte.
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(string([]rune(s))); err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != want.String() {
			t.Errorf("%s, want %s", got, want.String())
		}
	})
}
