// Package lab runs real MySQL servers and regent nodes as regions on one
// machine, and does to them what happens to data centers: it cuts and slows
// networks, kills and pauses processes, writes and keeps a ledger.
//
// A Lab is the world itself and lives in one process. Supervise runs one in a
// process of its own, which Start launches and to which a Client speaks; that
// is what `regent lab` does. Tests may make a Lab in their own process.
//
// Invariants:
//   - everything that a lab starts dies with the process that holds the lab,
//     and carries a mark in its environment by which Down finds it after a
//     crash, so that nothing is killed that is not the lab's;
//   - everything that a lab writes lies below its directory;
//   - the control of a lab goes over Unix sockets, and APIs reach the host by
//     a forward, so that no cut of the lab's network touches either.
package lab
