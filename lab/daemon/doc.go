// Package daemon keeps one long-running process of the lab: it starts, pauses,
// kills and watches it, and starts it again only where the process itself asks
// for that by its exit code.
//
// Invariant: at any time a Daemon has at most one process, and a process that
// somebody ended stays ended.
package daemon
