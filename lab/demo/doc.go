// Package demo tells the incident of October 2018 on a lab, and checks every claim that it makes
// against the writers' ledger and the servers: it fails when one does not hold.
package demo
