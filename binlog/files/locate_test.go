package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/regentdb/regent/binlog/files"
	"github.com/regentdb/regent/binlog/files/filestest"
	"github.com/regentdb/regent/gtid"
)

// sparse makes a log of files of that size and transactions of that length, of which only the events that open them
// are on disk, and returns the number of transactions in a file. The rest is holes, which read as zeros do: nothing
// but the hops of the walk decides how much of them is read.
func sparse(b *testing.B, dir string, count int, size, length uint64) int {
	b.Helper()
	each := 0
	for i := range count {
		f := filestest.New(1, i*each)
		out, err := os.Create(filepath.Join(dir, fmt.Sprintf("binlog.%06d", i+1)))
		if err != nil {
			b.Fatal(err)
		}
		at, n := int64(len(f.Bytes())), 0
		if _, err := out.Write(f.Bytes()); err != nil {
			b.Fatal(err)
		}
		for ; at+int64(length) <= int64(size); n++ {
			if _, err := out.WriteAt(f.Sparse(length), at); err != nil {
				b.Fatal(err)
			}
			at += int64(length)
		}
		if err := out.Truncate(at); err != nil {
			b.Fatal(err)
		}
		if err := out.Close(); err != nil {
			b.Fatal(err)
		}
		each = n
	}
	return each
}

// BenchmarkLocate finds a divergence that begins with the last transaction of the oldest file but one, in 10 GiB of
// files: of all heads, and of every opening event of one file.
func BenchmarkLocate(b *testing.B) {
	const count, size = 10, 1 << 30
	for _, length := range []uint64{512 << 10, 32 << 10} {
		b.Run(fmt.Sprintf("transactions=%dKiB", length>>10), func(b *testing.B) {
			dir := b.TempDir()
			each := sparse(b, dir, count, size, length)
			common := gtid.MustParse(fmt.Sprintf("%s:1-%d", uuid, 2*each-1))
			locate(b, dir, common, uint64(2*each)) // From now on what it reads is cached.
			b.SetBytes(count * size)
			for b.Loop() {
				locate(b, dir, common, uint64(2*each))
			}
			b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

// BenchmarkHop walks a file of short transactions that are all on disk: the worst case, in which there is little to
// hop over.
func BenchmarkHop(b *testing.B) {
	dir := b.TempDir()
	f := filestest.New(1, 0)
	const transactions = 300_000
	for range transactions {
		f.Transaction(200)
	}
	if err := os.WriteFile(filepath.Join(dir, "binlog.000001"), f.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(f.Bytes())))
	common := gtid.MustParse(fmt.Sprintf("%s:1-%d", uuid, transactions-1))
	for b.Loop() {
		locate(b, dir, common, transactions)
	}
}

// locate finds the transaction with that number.
func locate(b *testing.B, dir string, common gtid.Set, want uint64) {
	b.Helper()
	log, err := files.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	if place, err := log.Locate(common); err != nil || place.First.Seq != want {
		b.Fatalf("%+v, %v; want %d", place, err, want)
	}
}
