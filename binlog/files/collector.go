package files

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/regentdb/regent/gtid"
)

// Collector makes a set of transactions that come one by one, mostly in order. Its memory grows with the gaps in the
// set, not with its size. The zero value is empty.
type Collector struct {
	runs map[line]*run
	// last is the line of the last transaction, and now its run: most transactions follow their predecessor.
	last  line
	now   *run
	done  strings.Builder
	count uint64
}

// line is one sequence of numbers.
type line struct{ uuid, tag string }

// run is a piece of a line without gaps.
type run struct{ first, last uint64 }

// Add adds a transaction, which must not have been added before.
func (c *Collector) Add(id gtid.GTID) {
	if c.runs == nil {
		c.runs = map[line]*run{}
	}
	c.count++
	key := line{id.UUID, id.Tag}
	if c.now != nil && key == c.last && id.Seq == c.now.last+1 {
		c.now.last++
		return
	}
	switch now := c.runs[key]; {
	case now == nil:
		c.runs[key] = &run{id.Seq, id.Seq}
	case id.Seq == now.last+1:
		now.last++
	default:
		c.flush(&c.done, key)
		*now = run{id.Seq, id.Seq}
	}
	c.last, c.now = key, c.runs[key]
}

// Count is how many transactions were added.
func (c *Collector) Count() uint64 { return c.count }

// Set returns the set. Numbers that no server would give make it an error.
func (c *Collector) Set() (gtid.Set, error) {
	var text strings.Builder
	text.WriteString(c.done.String())
	keys := slices.SortedFunc(maps.Keys(c.runs), func(a, b line) int {
		return cmp.Or(strings.Compare(a.uuid, b.uuid), strings.Compare(a.tag, b.tag))
	})
	for _, key := range keys {
		c.flush(&text, key)
	}
	set, err := gtid.Parse(strings.TrimSuffix(text.String(), ","))
	if err != nil {
		return gtid.Set{}, fmt.Errorf("files: %w", err)
	}
	return set, nil
}

func (c *Collector) flush(to *strings.Builder, key line) {
	name := key.uuid
	if key.tag != "" {
		name += ":" + key.tag
	}
	_, _ = fmt.Fprintf(to, "%s:%d-%d,", name, c.runs[key].first, c.runs[key].last) // A builder never fails.
}
