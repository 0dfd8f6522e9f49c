package fabric_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/regentdb/regent/lab/fabric"
)

func TestCuts(t *testing.T) {
	east, west := fabric.Selector{Region: "east"}, fabric.Selector{Region: "west"}
	e1, w1 := fabric.Selector{Host: "e1"}, fabric.Selector{Host: "w1"}
	tests := map[string]struct {
		cut      fabric.Cut
		isolated []string // pairs that lose everything.
		whole    []string // pairs that lose nothing.
	}{
		"region":               {fabric.Cut{A: east}, []string{"e1 w1", "w2 e2"}, []string{"e1 e2", "w2 w1"}},
		"region from other":    {fabric.Cut{A: east, B: west}, []string{"e2 w1"}, []string{"e1 e2"}},
		"host":                 {fabric.Cut{A: e1}, []string{"e1 e2", "w1 e1"}, []string{"e2 w1"}},
		"host from host":       {fabric.Cut{A: e1, B: w1}, []string{"e1 w1", "w1 e1"}, []string{"e1 e2", "e1 w2"}},
		"region from host":     {fabric.Cut{A: east, B: w1}, []string{"e1 w1", "w1 e2"}, []string{"e1 w2"}},
		"host from its region": {fabric.Cut{A: e1, B: east}, []string{"e1 e2"}, []string{"e1 w1"}},
		"site":                 {fabric.Cut{A: fabric.Selector{Site: "east-a"}}, []string{"e1 e2", "w1 e1"}, []string{"e2 w1", "w1 w2"}},
	}
	f := lab(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := f.Cut(test.cut); err != nil {
				t.Fatal(err)
			}
			defer f.Heal(nil)
			want := map[string]int{}
			for _, pair := range test.isolated {
				want[pair] = 3
			}
			for _, pair := range test.whole {
				want[pair] = 0
			}
			if diff := cmp.Diff(want, losses(t, f, want)); diff != "" {
				t.Errorf("losses of 3 probes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOneWayCutLetsTheOtherWayPass(t *testing.T) {
	f := lab(t)
	inbox, err := f.ListenPacket(t.Context(), "e1", "udp4", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	if err := f.Cut(fabric.Cut{A: fabric.Selector{Region: "east"}, OneWay: true}); err != nil {
		t.Fatal(err)
	}
	c, err := f.DialContext("w1")(t.Context(), "udp4", "e1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "west to east"); err != nil {
		t.Fatal(err)
	}
	var buf [64]byte
	if n, _, err := inbox.ReadFrom(buf[:]); err != nil || string(buf[:n]) != "west to east" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	if got := lost(t, f, "e1", "w1", 3); got != 3 {
		t.Errorf("lost %d of 3 from east to west", got)
	}
}

func TestConnectionSurvivesACut(t *testing.T) {
	f := lab(t)
	echo(t, f, "w1")
	c, err := f.DialContext("e1")(t.Context(), "tcp", "10.9.2.1:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, "before")
	cut := fabric.Cut{A: fabric.Selector{Region: "east"}}
	if err := f.Cut(cut); err != nil {
		t.Fatal(err)
	}
	if err := f.Cut(cut); err != nil {
		t.Fatal(err)
	}
	before := f.Counters().Cut
	if _, err := io.WriteString(c, "during"); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return f.Counters().Cut > before })
	if n := f.Heal(&cut); n != 1 {
		t.Errorf("healed %d cuts", n)
	}
	buf := make([]byte, len("during"))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "during" {
		t.Errorf("after the heal: %q, %v", buf, err)
	}
}

func TestRejectResets(t *testing.T) {
	for _, medium := range []string{"TUN device", "veth pair"} {
		t.Run(medium, func(t *testing.T) {
			f := lab(t, fabric.WithMedium(medium))
			echo(t, f, "w1")
			dial := f.DialContext("e1")
			c, err := dial(t.Context(), "tcp", "w1:7")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			say(t, c, "before")
			if err := f.Cut(fabric.Cut{A: fabric.Selector{Region: "east"}, Reject: true}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "during"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("a connection across a rejecting cut: %v", err)
			}
			if _, err := dial(t.Context(), "tcp", "w1:7"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a call across a rejecting cut: %v", err)
			}
		})
	}
}

func TestCutDropsWhatIsOnItsWay(t *testing.T) {
	f := lab(t)
	if err := f.SetDelay("east", "west", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	c, err := f.DialContext("e1")(t.Context(), "udp4", "w1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "late"); err != nil {
		t.Fatal(err)
	}
	if err := f.Cut(fabric.Cut{A: fabric.Selector{Host: "w1"}}); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return f.Counters().Cut == 1 })
}

// losses measures several pairs at once.
func losses(t *testing.T, f *fabric.Fabric, pairs map[string]int) map[string]int {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	var all errgroup.Group
	for pair := range pairs {
		all.Go(func() error {
			from, to, _ := strings.Cut(pair, " ")
			rtt, err := f.MeasureRTT(t.Context(), from, to, 3)
			mu.Lock()
			defer mu.Unlock()
			got[pair] = rtt.Lost
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	return got
}
