// Package sim is a deterministic world: simulated MySQL servers, a network that can be cut, nodes that
// watch, agree and act, and clients that remember what was acknowledged to them. Everything follows
// from one seed: the clock is virtual, and nothing happens but by an event of one queue.
//
// The rules are the daemon's own: failover.Decide and Accept, topology.Assemble, and fsm.Machine with
// every command encoded and decoded. Three things are written anew, because the daemon's run on
// goroutines and real time, which no seed can order: the loop of package controller (one decision at a
// time, commit before act, one action per server, outcomes offered until a decision that saw them
// stands), the observer's records, and the executor's steps, with the same locks and checks.
//
// Invariants checked after every event are those of the safety model: one writer (I1), home region
// (I2), refusals that change nothing (I3), and acknowledged writes that are kept (I4). At the end all
// faults are healed, and the world must come to rest: every server equal to the primary.
package sim
