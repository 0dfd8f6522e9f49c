//go:build race

package guard

import "time"

// isolatedFor is short under the race detector, which crashes on some machines when a test synchronizes hundreds of
// thousands of times (its epochs run out: tsan_rtl.cpp, kEpochLast).
const isolatedFor = 10 * time.Minute
