package gtid_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regentdb/regent/gtid"
)

func TestAlgebra(t *testing.T) {
	tests := map[string]struct {
		left, right               string
		union, minus, both, order string
	}{
		"nothing": {"", "", "", "", "", "equal"},
		"one empty": {
			a + ":1", "", a + ":1", a + ":1", "", "greater",
		},
		"same": {
			a + ":1-5:t:1", a + ":1-5:t:1", a + ":1-5:t:1", "", a + ":1-5:t:1", "equal",
		},
		"a hole": {
			a + ":1-9", a + ":4-5", a + ":1-9", a + ":1-3:6-9", a + ":4-5", "greater",
		},
		"many holes across many intervals": {
			a + ":1-10:20-30", a + ":5-22:25:29-40", a + ":1-40", a + ":1-4:23-24:26-28", a + ":5-10:20-22:25:29-30", "diverged",
		},
		"a tag is another sequence": {
			a + ":1-5", a + ":t:1-5", a + ":1-5:t:1-5", a + ":1-5", "", "diverged",
		},
		"behind": {
			a + ":1-5", a + ":1-6," + b + ":1", a + ":1-6," + b + ":1", "", a + ":1-5", "less",
		},
		"a forced split": {
			a + ":1-100", a + ":1-90," + b + ":1-3", a + ":1-100," + b + ":1-3", a + ":91-100", a + ":1-90", "diverged",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, r := gtid.MustParse(tt.left), gtid.MustParse(tt.right)
			got := []string{l.Union(r).String(), l.Subtract(r).String(), l.Intersect(r).String(), l.Compare(r).String()}
			if diff := cmp.Diff([]string{tt.union, tt.minus, tt.both, tt.order}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if l.String() != tt.left || r.String() != tt.right {
				t.Errorf("operands changed to %q and %q", l, r)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	set := gtid.MustParse(b + ":2," + a + ":1-2:5:t:7")
	want := []gtid.GTID{
		{UUID: a, Seq: 1}, {UUID: a, Seq: 2}, {UUID: a, Seq: 5}, {UUID: a, Tag: "t", Seq: 7}, {UUID: b, Seq: 2},
	}
	if diff := cmp.Diff(want, slices.Collect(set.All())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{a, b}, set.UUIDs()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if set.Count() != 5 {
		t.Errorf("Count() = %d, want 5", set.Count())
	}
	for g := range set.All() {
		if g != want[0] {
			t.Errorf("first is %v", g)
		}
		break
	}
	if diff := cmp.Diff(gtid.MustParse(a+":1-3"), gtid.Set{}.Add(want[0]).Add(gtid.GTID{UUID: a, Seq: 3}).Add(want[1])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// model is the plain set that Set must agree with.
type model map[gtid.GTID]bool

func (m model) set() gtid.Set { return gtid.Of(slices.Collect(maps.Keys(m))...) }

func models() *rapid.Generator[model] {
	member := rapid.Custom(func(t *rapid.T) gtid.GTID {
		return gtid.GTID{
			UUID: rapid.SampledFrom([]string{a, b}).Draw(t, "uuid"),
			Tag:  rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "tag"),
			Seq:  rapid.Uint64Range(1, 12).Draw(t, "seq"),
		}
	})
	return rapid.Custom(func(t *rapid.T) model {
		m := model{}
		for _, g := range rapid.SliceOfN(member, 0, 40).Draw(t, "members") {
			m[g] = true
		}
		return m
	})
}

func filtered(m model, keep func(gtid.GTID) bool) model {
	out := model{}
	for g := range m {
		if keep(g) {
			out[g] = true
		}
	}
	return out
}

func TestSetAgreesWithAPlainOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ml, mr := models().Draw(t, "left"), models().Draw(t, "right")
		l, r := ml.set(), mr.set()
		inRight := func(g gtid.GTID) bool { return mr[g] }
		notInRight := func(g gtid.GTID) bool { return !mr[g] }
		union := maps.Clone(ml)
		maps.Copy(union, mr)
		for name, pair := range map[string][2]gtid.Set{
			"union":     {union.set(), l.Union(r)},
			"subtract":  {filtered(ml, notInRight).set(), l.Subtract(r)},
			"intersect": {filtered(ml, inRight).set(), l.Intersect(r)},
			"text":      {l, gtid.MustParse(l.String())},
			"collected": {l, gtid.Of(slices.Collect(l.All())...)},
		} {
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Fatalf("%s: (-want +got)\n%s", name, diff)
			}
		}
		subset := len(filtered(ml, notInRight)) == 0
		if r.Contains(l) != subset {
			t.Fatalf("%q contains %q = %v", r, l, !subset)
		}
		for g := range union {
			if l.ContainsGTID(g) != ml[g] {
				t.Fatalf("%q contains %v = %v", l, g, !ml[g])
			}
		}
		if l.Count() != uint64(len(ml)) {
			t.Fatalf("Count() = %d, want %d", l.Count(), len(ml))
		}
	})
}

func TestCompareIsAntisymmetric(t *testing.T) {
	reverse := map[gtid.Order]gtid.Order{
		gtid.Equal: gtid.Equal, gtid.Diverged: gtid.Diverged, gtid.Less: gtid.Greater, gtid.Greater: gtid.Less,
	}
	rapid.Check(t, func(t *rapid.T) {
		l, r := models().Draw(t, "left").set(), models().Draw(t, "right").set()
		if l.Compare(r) != reverse[r.Compare(l)] {
			t.Fatalf("%q is %v of %q, which is %v of it", l, l.Compare(r), r, r.Compare(l))
		}
		if (l.Compare(r) == gtid.Equal) != l.Equal(r) {
			t.Fatalf("%q and %q: Compare and Equal disagree", l, r)
		}
	})
}
