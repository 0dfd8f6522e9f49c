package fabric_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regentdb/regent/lab/fabric"
)

// lab makes two regions of two hosts each, which the test's end closes.
func lab(t testing.TB, opts ...fabric.Option) *fabric.Fabric {
	t.Helper()
	f, err := fabric.New(slog.New(slog.DiscardHandler), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, h := range []fabric.Host{
		{Name: "e1", Region: "east", Site: "east-a", Addr: netip.MustParseAddr("10.9.1.1")},
		{Name: "e2", Region: "east", Addr: netip.MustParseAddr("10.9.1.2")},
		{Name: "w1", Region: "west", Addr: netip.MustParseAddr("10.9.2.1")},
		{Name: "w2", Region: "west", Addr: netip.MustParseAddr("10.9.2.2")},
	} {
		if err := f.AddHost(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// echo serves TCP on port 7 of a host until the test ends.
func echo(t testing.TB, f *fabric.Fabric, host string) {
	t.Helper()
	l, err := f.Listen(t.Context(), host, "tcp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
}

// lost measures how many of n probes get no echo.
func lost(t testing.TB, f *fabric.Fabric, from, to string, n int) int {
	t.Helper()
	rtt, err := f.MeasureRTT(t.Context(), from, to, n)
	if err != nil {
		t.Fatal(err)
	}
	return rtt.Lost
}

// say sends a line over a connection and wants it back.
func say(t testing.TB, c net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(line))
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatal(err)
	}
	if string(buf) != line {
		t.Fatalf("echo of %q is %q", line, buf)
	}
}

func TestHostsReachEachOther(t *testing.T) {
	for _, medium := range []string{"TUN device", "veth pair"} {
		t.Run(medium, func(t *testing.T) { reach(t, lab(t, fabric.WithMedium(medium))) })
	}
}

func reach(t *testing.T, f *fabric.Fabric) {
	echo(t, f, "w1")
	c, err := f.DialContext("e1")(t.Context(), "tcp", "w1:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, strings.Repeat("across the switch ", 20_000)[:16_000])
	if from := c.LocalAddr().String(); !strings.HasPrefix(from, "10.9.1.1:") {
		t.Errorf("e1 calls from %s", from)
	}
}

func TestShorterDelayDoesNotReorder(t *testing.T) {
	f := lab(t)
	inbox, err := f.ListenPacket(t.Context(), "w1", "udp4", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	c, err := f.DialContext("e1")(t.Context(), "udp4", "w1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, d := range []time.Duration{300 * time.Millisecond, 100 * time.Millisecond, 0} {
		if err := f.SetDelay("east", "west", d); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		// The switch reads the rules when it takes the packet.
		await(t, func() bool { return f.Counters().Waiting == uint64(i+1) })
	}
	var got []byte
	for range 3 {
		var buf [1]byte
		if _, _, err := inbox.ReadFrom(buf[:]); err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[0])
	}
	if diff := cmp.Diff([]byte{0, 1, 2}, got); diff != "" {
		t.Errorf("order of arrival (-want +got):\n%s", diff)
	}
}

// await polls until a condition holds; the test's own time limit bounds it.
func await(t testing.TB, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("the awaited condition never held")
		case <-tick.C:
		}
	}
}

func TestDelay(t *testing.T) {
	f := lab(t)
	if err := f.SetDelay("west", "east", 30*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	rtt, err := f.MeasureRTT(t.Context(), "e1", "w2", 100)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("30 ms each way: %+v", rtt)
	if rtt.Lost > 0 || rtt.Min < 60*time.Millisecond {
		t.Errorf("round trips between delayed regions: %+v", rtt)
	}
	rtt, err = f.MeasureRTT(t.Context(), "e1", "e2", 100)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("within a region: %+v", rtt)
	if rtt.Lost > 0 || rtt.Min >= 30*time.Millisecond {
		t.Errorf("round trips within a region: %+v", rtt)
	}
}

func TestLoss(t *testing.T) {
	f := lab(t)
	if err := f.SetLoss("east", "west", 0.2); err != nil {
		t.Fatal(err)
	}
	// An echo survives both ways with 0.64; 200 probes lose 72, deviation 7.
	if got := lost(t, f, "e1", "w1", 200); got < 37 || got > 107 {
		t.Errorf("lost %d of 200", got)
	}
	if err := f.SetLoss("east", "west", 0); err != nil {
		t.Fatal(err)
	}
	if got := lost(t, f, "e1", "w1", 20); got != 0 {
		t.Errorf("lost %d of 20 without loss", got)
	}
}

func TestHostDelayAndLoss(t *testing.T) {
	f := lab(t)
	if err := f.SetDelay("west", "east", 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := f.SetHostDelay("e1", 40*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for pair, least := range map[[2]string]time.Duration{
		{"e1", "e2"}: 80 * time.Millisecond, {"w1", "e1"}: 100 * time.Millisecond, {"e2", "w2"}: 20 * time.Millisecond, {"w1", "w2"}: 0,
	} {
		rtt, err := f.MeasureRTT(t.Context(), pair[0], pair[1], 20)
		if err != nil {
			t.Fatal(err)
		}
		if rtt.Lost > 0 || rtt.Min < least || rtt.Min >= least+20*time.Millisecond {
			t.Errorf("%v with a delay at e1: %+v, want about %s", pair, rtt, least)
		}
	}
	if err := f.SetHostLoss("e1", 1); err != nil {
		t.Fatal(err)
	}
	want := []fabric.Link{{A: "e1", Delay: 40 * time.Millisecond, Loss: 1}, {A: "east", B: "west", Delay: 10 * time.Millisecond}}
	if diff := cmp.Diff(want, f.Links()); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if near, far := lost(t, f, "e2", "e1", 5), lost(t, f, "e2", "w1", 5); near != 5 || far != 0 {
		t.Errorf("lost %d of 5 to e1 and %d of 5 past it", near, far)
	}
	if err := errors.Join(f.SetHostDelay("e1", 0), f.SetHostLoss("e1", 0)); err != nil {
		t.Fatal(err)
	}
	if got := lost(t, f, "e2", "e1", 20); got != 0 {
		t.Errorf("lost %d of 20 afterwards", got)
	}
	if err := f.SetHostDelay("e9", 0); !errors.Is(err, fabric.ErrUnknownHost) {
		t.Errorf("a delay of no host: %v", err)
	}
}

// TestHostDelayDoesNotReorder puts a host's own line in the way of packets that wait in the regions'.
func TestHostDelayDoesNotReorder(t *testing.T) {
	f := lab(t)
	inbox, err := f.ListenPacket(t.Context(), "w1", "udp4", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	c, err := f.DialContext("e1")(t.Context(), "udp4", "w1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, change := range []func() error{
		func() error { return f.SetDelay("east", "west", 300*time.Millisecond) },
		func() error {
			return errors.Join(f.SetDelay("east", "west", 0), f.SetHostDelay("e1", time.Millisecond))
		},
		func() error { return f.SetHostDelay("e1", 0) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		await(t, func() bool { return f.Counters().Waiting == uint64(i+1) })
	}
	var got []byte
	for range 3 {
		var buf [1]byte
		if _, _, err := inbox.ReadFrom(buf[:]); err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[0])
	}
	if diff := cmp.Diff([]byte{0, 1, 2}, got); diff != "" {
		t.Errorf("order of arrival (-want +got):\n%s", diff)
	}
}

func TestForwardIgnoresCuts(t *testing.T) {
	f := lab(t)
	echo(t, f, "e1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at, err := f.Forward(ctx, "e1", 7, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []fabric.Selector{{Region: "east"}, {Host: "e1"}} {
		if err := f.Cut(fabric.Cut{A: s}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, "through the forward")
	cancel()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlived the forward")
	}
}

func TestForwardResetsWhereNothingListens(t *testing.T) {
	f := lab(t)
	at, err := f.Forward(t.Context(), "e1", 7, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.String())
	if err == nil { // The reset may come before the dialler has looked.
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a call through a forward to nothing: %v", err)
	}
}

func TestStartRunsInsideTheHost(t *testing.T) {
	f := lab(t)
	var out strings.Builder
	cmd := exec.CommandContext(t.Context(), "cat", "/proc/self/net/fib_trie")
	cmd.Stdout = &out
	if err := f.Start("w2", cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "10.9.2.2") || strings.Contains(out.String(), "10.9.2.1\n") {
		t.Errorf("the process saw these addresses:\n%s", out.String())
	}
}
