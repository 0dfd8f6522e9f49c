package gtid_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/gtid"
)

const (
	a = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	b = "4350f323-7565-4e59-8763-4b1b83a0ce0e"
)

func TestParsePrintsTheCanonicalForm(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"empty":                      {"", ""},
		"only commas and space":      {" ,\n, ", ""},
		"one":                        {a + ":1", a + ":1"},
		"intervals":                  {a + ":1-5:7:9-10", a + ":1-5:7:9-10"},
		"touching intervals join":    {a + ":4-5:1-3", a + ":1-5"},
		"overlapping ones too":       {a + ":1-9:2-3:5-12", a + ":1-12"},
		"upper case":                 {strings.ToUpper(a) + ":1", a + ":1"},
		"as the server breaks lines": {a + ":1-5,\n" + b + ":1-2", a + ":1-5," + b + ":1-2"},
		"space around every part":    {" " + a + " : 1 - 5 : 7 ", a + ":1-5:7"},
		"uuids in order":             {b + ":1," + a + ":1", a + ":1," + b + ":1"},
		"a uuid twice":               {a + ":1," + b + ":1," + a + ":2", a + ":1-2," + b + ":1"},
		"tag":                        {a + ":Blue:1-5", a + ":blue:1-5"},
		"tags in one block":          {a + ":1-5:tag:1-3:tag2:1", a + ":1-5:tag:1-3:tag2:1"},
		"tags in order":              {a + ":z:1:_a:2:1," + a + ":9", a + ":9:_a:1-2:z:1"},
		"a tag that reads as hex":    {a + ":abc:1", a + ":abc:1"},
		"a tag twice":                {a + ":x:1:y:1:x:2", a + ":x:1-2:y:1"},
		"largest":                    {a + ":9223372036854775806", a + ":9223372036854775806"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := gtid.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"x", a, a + ":", a + ":0", a + ":5-1", a + ":-1", a + ":1-", a + ":+1", a + ":1--2",
		a + ":9223372036854775807", a + ":99999999999999999999",
		a + ":tag", a + ":tag:other:1", a + ":1:tag", a + ":1tag:1", a + ":" + strings.Repeat("t", 33) + ":1",
		a[1:] + ":1", "g" + a[1:] + ":1", strings.ReplaceAll(a, "-", "") + ":1", a + "-1",
	} {
		if got, err := gtid.Parse(in); !errors.Is(err, gtid.ErrSyntax) {
			t.Errorf("Parse(%q) = %q, %v; want ErrSyntax", in, got, err)
		}
	}
}

func TestParseGTID(t *testing.T) {
	for in, want := range map[string]gtid.GTID{
		strings.ToUpper(a) + ":7": {UUID: a, Seq: 7},
		b + ":blue:12":            {UUID: b, Tag: "blue", Seq: 12},
	} {
		got, err := gtid.ParseGTID(in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", in, diff)
		}
	}
	for _, in := range []string{"", a + ":1-2", a + ":1," + b + ":1"} {
		if got, err := gtid.ParseGTID(in); !errors.Is(err, gtid.ErrSyntax) {
			t.Errorf("ParseGTID(%q) = %v, %v; want ErrSyntax", in, got, err)
		}
	}
}

func TestJSONIsTheText(t *testing.T) {
	type document struct {
		Set  gtid.Set  `json:"set"`
		None gtid.Set  `json:"none"`
		One  gtid.GTID `json:"one"`
	}
	in := document{Set: gtid.MustParse(a + ":1-5:t:1"), One: gtid.GTID{UUID: b, Tag: "t", Seq: 3}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"set":"` + a + `:1-5:t:1","none":"","one":"` + b + `:t:3"}`; string(text) != want {
		t.Fatalf("got %s, want %s", text, want)
	}
	var out document
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"set":"nonsense"}`), &out); !errors.Is(err, gtid.ErrSyntax) {
		t.Errorf("got %v, want ErrSyntax", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", a + ":1-5:7," + b + ":tag:1-3:9:tag2:1", a + ":1\n,\n" + a + ":2", a + ":", ":,:-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		set, err := gtid.Parse(in)
		if err != nil {
			if !errors.Is(err, gtid.ErrSyntax) {
				t.Fatalf("undocumented error %v", err)
			}
			return
		}
		again, err := gtid.Parse(set.String())
		if err != nil {
			t.Fatalf("own text %q: %v", set, err)
		}
		if !again.Equal(set) || again.String() != set.String() {
			t.Fatalf("%q became %q", set, again)
		}
	})
}
