package workload

import (
	"cmp"
	"slices"
	"time"
)

// Outage is the longest time without an acknowledgement, as clients saw it.
type Outage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Seconds is the length of the outage.
	Seconds float64 `json:"seconds"`
	// Open says that no acknowledgement came after it before the writers ended.
	Open bool `json:"open"`
}

// Duration is the length of the outage.
func (o Outage) Duration() time.Duration { return o.To.Sub(o.From) }

// Summary counts the attempts of one region, or of all.
type Summary struct {
	Region       string         `json:"region"`
	Attempted    int            `json:"attempted"`
	Acknowledged int            `json:"acknowledged"`
	Refused      int            `json:"refused"`
	Unknown      int            `json:"unknown"`
	ByServer     map[string]int `json:"by_server"` // acknowledged.
	FirstAt      time.Time      `json:"first_at"`
	LastAt       time.Time      `json:"last_at"`
	Outage       Outage         `json:"outage"`
}

// Summarize counts attempts: first each region's, sorted by name, and last all
// of them together under the empty name, unless there is one region only. A
// ledger does not tell how long writers went on looking for a server after
// their last attempt, so that an open outage may have been longer.
func Summarize(attempts []Attempt) []Summary {
	regions := map[string][]Attempt{}
	for _, a := range attempts {
		regions[a.Region] = append(regions[a.Region], a)
	}
	summaries := make([]Summary, 0, len(regions)+1)
	for region, own := range regions {
		summaries = append(summaries, summarize(region, own, time.Time{}))
	}
	slices.SortFunc(summaries, func(a, b Summary) int { return cmp.Compare(a.Region, b.Region) })
	if len(summaries) > 1 {
		summaries = append(summaries, summarize("", attempts, time.Time{}))
	}
	return summaries
}

// summarize counts attempts of writers that went on until the given time, or
// until their last attempt where that is later.
func summarize(region string, attempts []Attempt, until time.Time) Summary {
	s := Summary{Region: region, Attempted: len(attempts), ByServer: map[string]int{}}
	var acknowledgements []time.Time
	for _, a := range attempts {
		if s.FirstAt.IsZero() || a.StartedAt.Before(s.FirstAt) {
			s.FirstAt = a.StartedAt
		}
		if a.EndedAt.After(s.LastAt) {
			s.LastAt = a.EndedAt
		}
		switch a.Outcome {
		case Acknowledged:
			s.Acknowledged++
			s.ByServer[a.Server]++
			acknowledgements = append(acknowledgements, a.EndedAt)
		case Refused:
			s.Refused++
		case Unknown:
			s.Unknown++
		}
	}
	if until.Before(s.LastAt) {
		until = s.LastAt
	}
	s.Outage = longestGap(acknowledgements, until)
	return s
}

// LongestSilence is the longest time within a span in which nothing was acknowledged: from its beginning
// to the first acknowledgement, between two that follow each other, or from the last one to its end.
func LongestSilence(attempts []Attempt, from, to time.Time) Outage {
	at := []time.Time{from, to}
	for _, a := range attempts {
		if a.Outcome == Acknowledged && a.EndedAt.After(from) && a.EndedAt.Before(to) {
			at = append(at, a.EndedAt)
		}
	}
	return longestGap(at, to)
}

// longestGap is the longest time between two acknowledgements that follow each
// other, or from the last one to the end, where nothing was acknowledged any more.
func longestGap(at []time.Time, end time.Time) Outage {
	if len(at) == 0 {
		return Outage{}
	}
	slices.SortFunc(at, time.Time.Compare)
	longest := Outage{From: at[len(at)-1], To: end, Open: true}
	for i := 1; i < len(at); i++ {
		if at[i].Sub(at[i-1]) >= longest.Duration() {
			longest = Outage{From: at[i-1], To: at[i]}
		}
	}
	longest.Seconds = longest.Duration().Seconds()
	return longest
}
