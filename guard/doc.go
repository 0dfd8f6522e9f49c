// Package guard renews the leases of primaries that guard themselves.
//
// A guarded primary carries a row with an expiry, and an event in the server makes it read-only when
// that has passed (package mysql). This package moves the expiry: it reads the row and the server's
// clock, gets a permission, and sets expiry = max(old, t0 + TTL), where t0 is what the clock said
// before the permission was asked for. The write is a compare-and-set on server_uuid, epoch and set
// version, so that a row that was armed anew is not renewed by what was permitted for the one before.
//
// # Permissions
//
// Either of two:
//
//   - the leader: an answer from a node that, after the request had come, verified with the quorum that
//     it led, and that then found no claim and no recovery open for the cluster. A refusal of such a
//     leader ends the attempt: it knows better than anybody.
//   - failsafe, where the row says that its policy is to serve: an answer from every server of the row's
//     candidate set, none of which shows a claim. A server that cannot be asked counts as claimed.
//
// # Why a lease that is cited has ended
//
// A leader that cites a lapsed lease has committed a claim, has stopped the receiver of every server that may be
// promoted, all of them in the candidate set of every row that may be in force, and has seen these claims stand
// without a break from a moment W on. Let R be the real time at which a renewer read t0.
//
//   - Permission by a leader: the request came after R, its verification began after that, and the claim was not
//     in what that leader had applied at a later time. A claim of an earlier leader is in what a verified leader
//     has applied; a leader of a later term cannot have been elected before the verification began, or a quorum
//     would have said so. So the claim was committed after R, and R < W.
//   - Permission by failsafe: every server of the set answered after R without a sign of a claim. One of them is
//     claimed from before W on without a break, and shows it. So that answer came before W, and R < W.
//
// The renewal may reach the server as late as it likes: what it writes is t0 + TTL, which was fixed at R. So no
// lease lasts, by the server's clock, longer than TTL after R, and
//
//	R + TTL < W + MaxTTL
//
// where MaxTTL is the largest TTL that was armed in the epoch. A lease that begins when a server is armed is no
// exception: it lasts a TTL from the beginning of the action, which is before any later claim (package executor).
// The event runs once per period, looks at the expiry before it does anything else, and has ended every write a
// bounded time after that. If between R and the end of the wait the server's clock lost no more than the margin
// against the clock of the leader, then at
//
//	W + MaxTTL + margin + the event's period + what its fence takes    (policy.LapseWait)
//
// no write is acknowledged any more. That is when the leader may cite the lease. It compares no two clocks: it waits on its own monotonic one. What can break the condition is a
// clock that is set back and a host that is paused. Each renewal compares what passed on the server's clock
// with what passed on the node's monotonic clock, and a difference over half of the margin is written into the
// row as a fault, which every probe shows: nobody may cite such a lease until it is armed anew. It is renewed
// all the same, since a clock is no reason to end the service of a primary. A pause cannot be seen from outside:
// under semi_sync the evidence needs revoked acknowledgements as well, and under async
// it needs accept_pause_risk.
//
// # Who renews
//
// The nodes of the primary's site, or of its region where the site has none, renew once per
// policy.RenewEvery, each on its own: renewals need no order, since the later expiry wins. They are
// those that are left with the primary when its region is cut off, when failsafe has to work without
// anybody from outside. The other nodes look at the row as often, and renew once less than half of the
// TTL is left, which means that none of those has renewed for half of it: that keeps a healthy primary
// open when the nodes nearby are down, without each node of every region asking the leader for each
// lease all the time.
package guard
