package replay_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/replay"
)

func mergeable() map[diff.Name]diff.Rule {
	return map[diff.Name]diff.Rule{{Schema: "shop", Table: "orders"}: {Mergeable: true}}
}

// TestMergingIsForThePolicyToAllow replays the same transaction without and with the rule.
func TestMergingIsForThePolicyToAllow(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	id := s.add("MERGEABLE", update(1, "a", "b"))
	follows := s.add("MERGEABLE", update(1, "b", "c"))
	s.add("CONFLICT", update(2, "a", "b"))
	s.write()
	s.selection.Classes = []classify.Class{classify.Mergeable}
	for rules, want := range map[bool][]string{false: {"shop.orders"}, true: nil} {
		allowed := map[diff.Name]diff.Rule{}
		if rules {
			allowed = mergeable()
		}
		if kept, err := replay.Unmergeable(s.report(), s.selection, allowed); err != nil || !slices.Equal(kept, want) {
			t.Errorf("kept from it: %v, %v", kept, err)
		}
	}
	target := &fake{rows: map[int]string{1: "a"}}
	if counts := s.run(target); counts.Left != 2 || target.writes != 0 {
		t.Errorf("without the rule: %+v", counts)
	}
	last, err := replay.ReadDecisions(s.dir)
	if err != nil || !strings.Contains(last[id].Detail, "the policy does not let its rows be merged") || !strings.Contains(last[follows].Detail, "follows") {
		t.Errorf("%+v, %v", last, err)
	}
	r := s.request(target)
	r.Rules = mergeable()
	for range 2 {
		counts, err := replay.Run(t.Context(), r)
		if err != nil || counts.Replayed != 2 || target.rows[1] != "c" || target.writes != 2 {
			t.Errorf("%+v, %v, %v after %d writes", counts, err, target.rows, target.writes)
		}
	}
	if last, err = replay.ReadDecisions(s.dir); err != nil || !strings.Contains(last[id].Detail, "merged") {
		t.Errorf("%+v, %v", last[id], err)
	}
}

func TestWhatIsNoPlainUpdateIsNotMerged(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("MERGEABLE", remove(1, "a"))
	s.add("MERGEABLE", insert(2, "a"))
	s.write()
	s.selection.Classes = []classify.Class{classify.Mergeable}
	target := &fake{rows: map[int]string{1: "a"}}
	r := s.request(target)
	r.Rules = mergeable()
	if counts, err := replay.Run(t.Context(), r); err != nil || counts.Left != 2 || target.writes != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
}

// TestWhatFollowsAMergedRowIsRepeatedAsAWhole has a transaction that is mergeable only because of the one before it.
func TestWhatFollowsAMergedRowIsRepeatedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	s.add("MERGEABLE", update(1, "a", "b"))
	s.follower = s.add("MERGEABLE", insert(2, "a"), update(3, "a", "b"))
	s.write()
	s.selection.Classes = []classify.Class{classify.Mergeable}
	target := &fake{rows: map[int]string{1: "a", 3: "a"}}
	if counts := s.run(target); counts.Left != 1 || counts.Replayed != 1 || target.rows[2] != "a" || target.rows[3] != "b" {
		t.Errorf("%+v, %v", counts, target.rows)
	}
}
