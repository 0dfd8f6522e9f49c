// Package metrics shows a node in the Prometheus format.
//
// Invariants:
//   - what is known is read at the time of the scrape, so nothing shown is older than the node's own
//     copy; only probes, which are events, are counted as they come;
//   - a metric of something that is not known is absent, never zero;
//   - labels are names from the declaration, the enumerations of the other packages and nothing that a
//     caller can invent.
package metrics
