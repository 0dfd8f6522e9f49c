package failover_test

import (
	"strconv"
	"strings"

	"github.com/regentdb/regent/failover"
)

// settlingOf reads what an order means: "rest", or "CLASS:transactions:rows".
func settlingOf(text string) *failover.Settling {
	if text == "rest" {
		return &failover.Settling{Rest: true}
	}
	parts := strings.Split(text, ":")
	out := &failover.Settling{Classes: parts[:1]}
	for i, into := range []*int{&out.Count, &out.Rows} {
		if len(parts) > i+1 {
			*into, _ = strconv.Atoi(parts[i+1])
		}
	}
	return out
}
