//go:build integration

package integration

import (
	"testing"
	"time"
)

// TestReconnectingAckers ends the connections of all ackers under writers that have no pause: acknowledgements that are lost
// with them hold nobody up for long. How many are lost is chance; `-runs` ends the connections so many times ten.
func TestReconnectingAckers(t *testing.T) {
	for i := range times() {
		out, err := world.Reconnect(healthy(t), 10, *seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the ackers lost their connections %d times, acknowledgements were lost with them %d times; longest time to the next write %s, %d writes",
			out.Times, out.Lost, out.Longest.Round(10*time.Millisecond), out.Writes)
	}
}
