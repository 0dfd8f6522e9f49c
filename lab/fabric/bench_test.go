package fabric_test

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regentdb/regent/lab/fabric"
)

// BenchmarkBulk is a copy of the kind that MySQL CLONE makes, per connection
// of one host to another, first within a region, then between two 30 ms apart.
func BenchmarkBulk(b *testing.B) {
	for _, to := range []string{"e2", "w1", "veth"} {
		b.Run("e1-"+to, func(b *testing.B) {
			medium := "TUN device"
			if to == "veth" {
				to, medium = "e2", "veth pair"
			}
			f := lab(b, fabric.WithMedium(medium))
			if err := f.SetDelay("east", "west", 30*time.Millisecond); err != nil {
				b.Fatal(err)
			}
			bulk(b, f, to)
		})
	}
}

func bulk(b *testing.B, f *fabric.Fabric, to string) {
	const chunk = 1 << 20
	l, err := f.Listen(b.Context(), to, "tcp", ":8")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	received := make(chan error, 1)
	go func() { received <- drink(l) }()
	c, err := f.DialContext("e1")(b.Context(), "tcp", to+":8")
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, chunk)
	b.SetBytes(chunk)
	b.ResetTimer()
	before := cpu(b)
	for b.Loop() {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(c.Close(), <-received); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e3, "cpu-µs/op")
	count := f.Counters()
	b.ReportMetric(float64(count.Bytes)/float64(count.Delivered), "bytes/packet")
}

// drink reads one connection to its end.
func drink(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(io.Discard, struct{ io.Reader }{c})
	return err
}

// BenchmarkPackets is the cost of one small datagram through the switch, the
// two sockets and their kernels included, at 10,000 a second.
func BenchmarkPackets(b *testing.B) {
	for _, to := range []string{"e2", "w1", "veth"} {
		b.Run("e1-"+to, func(b *testing.B) {
			medium := "TUN device"
			if to == "veth" {
				to, medium = "e2", "veth pair"
			}
			f := lab(b, fabric.WithMedium(medium))
			if err := f.SetDelay("east", "west", 30*time.Millisecond); err != nil {
				b.Fatal(err)
			}
			paced(b, f, to)
		})
	}
}

func paced(b *testing.B, f *fabric.Fabric, to string) {
	sink, err := f.ListenPacket(b.Context(), to, "udp4", ":8")
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	c, err := f.DialContext("e1")(b.Context(), "udp4", to+":8")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var packet [100]byte
	before := cpu(b)
	for i := 0; b.Loop(); i++ {
		if i%10 == 0 {
			<-tick.C
		}
		if _, err := c.Write(packet[:]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e3, "cpu-µs/op")
}

// cpu is the processor time of this process, in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}

// BenchmarkDelay reports how well 30 ms each way are kept: on an idle fabric,
// beside a bulk copy on the same way, and with every processor kept busy by
// two processes each.
func BenchmarkDelay(b *testing.B) {
	loads := map[string]func(*testing.B, *fabric.Fabric){
		"idle": func(*testing.B, *fabric.Fabric) {},
		"bulk": copyForever,
		"busy": func(b *testing.B, f *fabric.Fabric) {
			for range 2 * runtime.NumCPU() {
				spin(b, f)
			}
		},
	}
	for name, load := range loads {
		b.Run(name, func(b *testing.B) {
			f := lab(b)
			if err := f.SetDelay("east", "west", 30*time.Millisecond); err != nil {
				b.Fatal(err)
			}
			load(b, f)
			rtt, err := f.MeasureRTT(b.Context(), "e1", "w1", max(b.N, 200))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(rtt.Min.Microseconds()), "min-µs")
			b.ReportMetric(float64(rtt.Median.Microseconds()), "median-µs")
			b.ReportMetric(float64(rtt.Max.Microseconds()), "max-µs")
			b.ReportMetric(float64(rtt.Lost), "lost")
		})
	}
}

// spin keeps a processor busy until the benchmark ends.
func spin(b *testing.B, f *fabric.Fabric) {
	cmd := exec.CommandContext(b.Context(), "sh", "-c", "while :; do :; done")
	if err := f.Start("e2", cmd); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// copyForever copies from e1 to w1 until the benchmark ends.
func copyForever(b *testing.B, f *fabric.Fabric) {
	l, err := f.Listen(b.Context(), "w1", "tcp", ":8")
	if err != nil {
		b.Fatal(err)
	}
	c, err := f.DialContext("e1")(b.Context(), "tcp", "w1:8")
	if err != nil {
		b.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { _ = drink(l) })
	work.Go(func() {
		buf := make([]byte, 1<<20)
		for {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	})
	b.Cleanup(func() { _, _ = c.Close(), l.Close(); work.Wait() })
}
