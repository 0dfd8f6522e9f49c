// Package spill holds what a comparison has to remember: dictionaries and lists that stay in memory up to a budget, and
// beyond it go to files in a private directory, page by page.
//
// Invariants:
//   - Memory does not grow with what is kept, but for 4 bytes of each page of 4 KiB.
//   - Keys are compared in full, never by their hash alone.
//   - The first failure of the disk stays: from then on everything reads as empty, and Err says why. Whoever
//     keeps something here asks Err before believing in what came of it.
//   - Files belong to their owner only and are removed at the end. What a crash left is removed by the next Open of
//     the same directory.
package spill
