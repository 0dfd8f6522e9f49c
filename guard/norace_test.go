//go:build !race

package guard

import "time"

// isolatedFor is how long a primary is isolated in the longest test.
const isolatedFor = 10 * time.Hour
