package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/regentdb/regent/topology"
)

// Verdict is the answer to "may this server become primary", with the reason people read.
type Verdict struct {
	Server   string `json:"server"`
	Eligible bool   `json:"eligible"`
	Reason   string `json:"reason"`
}

// Question is all that the filters may look at.
type Question struct {
	Spec    *ClusterSpec
	View    *topology.View
	Primary string // the current primary, never its own successor
	// AcceptRegion lets one server outside the home region pass: an operator's override.
	AcceptRegion string
	// Quarantined maps servers that hold transactions the primary lacks to the reason.
	Quarantined map[string]string
	// Prepared are servers that regent itself has begun to turn into the primary: they need no
	// replication channel any more.
	Prepared []string
}

// filter rejects a server with a reason, or returns "". Rejections by region come first, so that a
// refusal names what matters most.
type filter func(q *Question, s ServerSpec, f *topology.Facts) string

// filters is the one table of candidate rules, in the order in which they speak.
func filters() []filter {
	return []filter{filterPrimary, filterRegion, filterPromotion, filterQuarantine, filterReachable, filterReplica, filterSettings}
}

// Candidates judges every declared server and returns the verdicts in declared order. Eligible
// servers can then be ranked; nothing brings a rejected one back.
func Candidates(q Question) []Verdict {
	out := make([]Verdict, 0, len(q.Spec.Servers))
	for _, s := range q.Spec.Servers {
		out = append(out, judge(&q, s))
	}
	return out
}

func judge(q *Question, s ServerSpec) Verdict {
	f := q.View.Current(s.Name)
	for _, reject := range filters() {
		if reason := reject(q, s, f); reason != "" {
			return Verdict{Server: s.Name, Reason: reason}
		}
	}
	return Verdict{Server: s.Name, Eligible: true, Reason: "in region " + s.Region + ", reachable and replicating"}
}

func filterPrimary(q *Question, s ServerSpec, _ *topology.Facts) string {
	if s.Name == q.Primary {
		return "is the current primary"
	}
	return ""
}

func filterRegion(q *Question, s ServerSpec, _ *topology.Facts) string {
	switch {
	case s.Region == "":
		return "its region is unknown"
	case s.Region != q.Spec.HomeRegion && s.Name != q.AcceptRegion:
		return fmt.Sprintf("region %s is outside the home region %s", s.Region, q.Spec.HomeRegion)
	}
	return ""
}

func filterPromotion(_ *Question, s ServerSpec, _ *topology.Facts) string {
	if s.Promotion == PromotionNever {
		return "its promotion rule is never"
	}
	return ""
}

func filterQuarantine(q *Question, s ServerSpec, _ *topology.Facts) string {
	if why, ok := q.Quarantined[s.Name]; ok {
		return "is quarantined: " + why
	}
	return ""
}

func filterReachable(q *Question, s ServerSpec, f *topology.Facts) string {
	if f != nil {
		return ""
	}
	if sv := q.View.Find(s.Name); sv != nil && len(sv.Sights) > 0 {
		return "is not reachable (" + sv.Describe() + ")"
	}
	return "is not reachable from any node"
}

func filterReplica(q *Question, s ServerSpec, f *topology.Facts) string {
	switch {
	case f.Source == nil && slices.Contains(q.Prepared, s.Name):
		return ""
	case f.Source == nil:
		return "has no replication channel"
	case f.Source.ApplierError != "":
		return "its applier stopped: " + f.Source.ApplierError
	case f.Source.Delay > 0:
		return fmt.Sprintf("is delayed by %s", f.Source.Delay)
	case f.Source.Filtered:
		return "has replication filters"
	}
	return ""
}

func filterSettings(_ *Question, _ ServerSpec, f *topology.Facts) string {
	for _, name := range []string{"log_bin", "log_replica_updates", "enforce_gtid_consistency"} {
		if v, seen := f.Variables[name]; seen && !f.On(name) {
			return fmt.Sprintf("has %s = %s", name, v)
		}
	}
	if v, seen := f.Variables["gtid_mode"]; seen && !f.On("gtid_mode") {
		return "has gtid_mode = " + v
	}
	return ""
}

// Rank orders the eligible servers, best first: the owner's wish, then the one that has the least left to do before it could
// open, in a unit of the caller's, then the declared order.
func Rank(q Question, left func(server string) uint64) []string {
	var names []string
	for _, v := range Candidates(q) {
		if v.Eligible {
			names = append(names, v.Server)
		}
	}
	wish := func(name string) int {
		s, _ := q.Spec.Find(name)
		if i := slices.Index([]Promotion{PromotionPrefer, PromotionNeutral, PromotionAvoid}, s.Promotion); i >= 0 {
			return i
		}
		return math.MaxInt // a wish that is not understood comes last
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(wish(a), wish(b)), cmp.Compare(left(a), left(b)))
	})
	return names
}
