// Package integration holds the end-to-end tests: real MySQL servers and real nodes in the network
// namespaces of a lab, real faults, and judgement by the writers' ledger.
//
// The tests need the build tag integration, root, and a MySQL server or the means to install one; where
// that is missing they fail and say so. How often a fault is repeated is a flag, so that a long series
// is the same test with another number:
//
//	go test -tags integration ./integration -run TestKillPrimary -runs 20 -v -timeout 1h
package integration
