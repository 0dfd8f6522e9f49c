// Package apitest is a node without a group, a network or servers: the interfaces of package api over
// state in memory, judged by the same pure decisions as in the daemon. It is for tests of what speaks
// to the API.
//
// Invariants: previews and refusals are those of package failover; nothing happens by itself, what
// follows an accepted order is said by the test.
package apitest
