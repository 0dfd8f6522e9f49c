// Package fabric is the network of the lab: hosts, each one anonymous network
// namespace with one address, joined by a small switch in user space. The
// switch cuts, delays and loses packets, because a kernel may lack netem.
//
// Invariants:
//
//   - Everything belongs to one process. A namespace is held only by
//     descriptors and threads of that process and by the processes started in
//     it; there are no mounts under /run/netns, no bridges and no interfaces in
//     the namespace of the machine. When the process dies, nothing remains.
//   - A process started by [Fabric.Start] is killed when the fabric is closed
//     and when the process that owns the fabric dies, however it dies.
//   - A cut drops packets silently, those already on their way included. No
//     one is told, no connection is reset.
//   - Packets of one host to another are never reordered, whatever is changed
//     meanwhile.
//   - [Fabric.Forward] never crosses the switch, so no cut, delay or loss
//     touches it.
//
// The package needs Linux and /dev/net/tun, and either root or unprivileged
// user namespaces; see [Check] and [PrepareSupervisor].
package fabric
