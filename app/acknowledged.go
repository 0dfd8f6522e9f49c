package app

import (
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Answers to the question whether a client was told that a transaction is committed.
const (
	toldYes     = "yes"
	toldNo      = "no"
	toldUnknown = "unknown"
)

// acknowledged tells of a transaction that only the old side has whether a client was told that it is
// committed, by what the acknowledging servers hold. It is asked about divergences since the change of
// primary that began the epoch.
func acknowledged(c *fsm.Cluster, v topology.View, epoch uint64) func(gtid.GTID) string {
	if c.Spec.Policy.Durability != policy.DurabilitySemiSync {
		return func(gtid.GTID) string { return toldUnknown }
	}
	revoked := revokedWriters(c, epoch)
	return func(g gtid.GTID) string {
		if revoked[g.UUID] {
			return toldNo
		}
		return heldByAckers(c, &v, g)
	}
}

// revokedWriters are the writers, by uuid, that were replaced under the promotion rule: nothing that they
// had acknowledged is missing on the new primary.
func revokedWriters(c *fsm.Cluster, epoch uint64) map[string]bool {
	revoked := map[string]bool{}
	for _, e := range c.History {
		if e.Epoch != epoch || e.Kind != string(failover.KindFailover) || e.Failed {
			continue
		}
		for _, proof := range e.Evidence {
			if proof.Kind == failover.EvidenceAcksRevoked {
				revoked[c.State.Servers[proof.Server].UUID] = true
			}
		}
	}
	return revoked
}

// heldByAckers counts the servers of the writer's region that hold the transaction. A commit returns to its
// client when enough of them have it, so enough mean yes, and fewer mean no only if all can be asked.
func heldByAckers(c *fsm.Cluster, v *topology.View, g gtid.GTID) string {
	writer := v.ByUUID(g.UUID)
	if writer == nil {
		return toldUnknown
	}
	holders, unseen := 0, 0
	for _, name := range c.Spec.InRegion(writer.Region) {
		s := v.Find(name)
		switch {
		case name == writer.Name:
		case s == nil || s.Facts == nil:
			unseen++
		case s.Facts.Received().ContainsGTID(g):
			holders++
		}
	}
	switch {
	case holders >= c.Spec.Policy.SemiSync.Required:
		return toldYes
	case unseen == 0:
		return toldNo
	}
	return toldUnknown
}
