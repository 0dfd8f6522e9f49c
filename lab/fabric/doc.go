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
//     one is told, no connection is reset, unless the cut asks for it.
//   - The switch hands packets of one host to another over in the order in which
//     they were sent, whatever is changed meanwhile.
//   - [Fabric.Forward] never crosses the switch, so no cut, delay or loss
//     touches it.
//
// The package needs Linux, and either root or unprivileged user namespaces; see
// [Check] and [PrepareSupervisor]. Hosts are joined to the switch by TUN devices
// or, where /dev/net/tun is out of reach, by veth pairs.
package fabric
