package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// Errors of taking the lock.
var (
	// ErrStaleTerm means that a leader of a later term holds the lock: this node must not act.
	ErrStaleTerm = errors.New("a leader of a later term holds the lock of the cluster on this server")
	// ErrLocked means that the lock is held and could not be taken over.
	ErrLocked = errors.New("the lock of the cluster is held on this server")
)

// lockWait is how long to wait for the lock after its holder was killed, in seconds. A killed
// session keeps the lock until its statement has ended.
const lockWait = 2

// maxLockName is the longest name that GET_LOCK accepts, in characters (manual, "Locking Functions").
const maxLockName = 64

// lockName is the advisory lock of a cluster. A leader holds it wherever it has a session.
func lockName(cluster string) string { return advisory("regent:", cluster) }

// claimName is the lock that a leader holds besides, on a replica that it has claimed.
func claimName(cluster string) string { return advisory("regent-claim:", cluster) }

func advisory(prefix, cluster string) string {
	name := prefix + cluster
	if len(name) <= maxLockName {
		return name
	}
	sum := sha256.Sum256([]byte(cluster))
	return name[:maxLockName-17] + "~" + hex.EncodeToString(sum[:8])
}

// Lock opens a pinned connection and takes the cluster's advisory lock on it. A holder of an
// earlier term, or a connection that this node left behind in the same term, is killed and waited
// for, so that its last statement is over when Lock returns. The error wraps ErrStaleTerm for a
// holder of a later term, and ErrLocked for one that cannot be taken over.
func (s *Server) Lock(ctx context.Context, lease Lease) (*Session, error) {
	l, err := s.open(ctx, s.attributes("act", lease.Term))
	if err != nil {
		return nil, err
	}
	session := &Session{server: s, link: l, cluster: lease.Cluster, term: lease.Term}
	if err := session.takeLock(ctx); err != nil {
		l.close()
		return nil, err
	}
	return session, nil
}

func (s *Session) takeLock(ctx context.Context) error {
	name := quote(lockName(s.cluster))
	b := (&batch{}).query("lock", "SELECT GET_LOCK("+name+", 0) AS won, CONNECTION_ID() AS id").
		query("holder", "SELECT IS_USED_LOCK("+name+") AS id").
		query("attributes", "SELECT attr_name, attr_value FROM performance_schema.session_connect_attrs "+
			"WHERE processlist_id = IS_USED_LOCK("+name+")")
	got, err := s.link.run(ctx, b.add(stateBatch(s.server.options)))
	if err != nil {
		return err
	}
	lock := got["lock"].first()
	s.id = lock["id"]
	if lock["won"] == "1" {
		_, err := s.learn(got)
		return err
	}
	holder := holder{id: got["holder"].first()["id"], attributes: got["attributes"].pairs()}
	if err := holder.yields(s.server.options.Node, s.term); err != nil {
		return fmt.Errorf("mysql: %s: %w", s.server.name, err)
	}
	return s.takeOver(ctx, holder)
}

// takeOver kills the holder and waits until its statement has ended and the lock is free.
func (s *Session) takeOver(ctx context.Context, h holder) error {
	if h.id != "" {
		if err := s.kill(ctx, h.id); err != nil {
			return err
		}
	}
	b := (&batch{}).query("lock", "SELECT GET_LOCK("+quote(lockName(s.cluster))+", "+strconv.Itoa(lockWait)+") AS won")
	got, err := s.link.run(ctx, b.add(stateBatch(s.server.options)))
	if err != nil {
		return err
	}
	if got["lock"].first()["won"] != "1" {
		return fmt.Errorf("mysql: %s: %w: %s was killed and its statement has not ended within %d s",
			s.server.name, ErrLocked, h, lockWait)
	}
	_, err = s.learn(got)
	return err
}

// kill ends connections in one round trip; those that are gone already are no error.
func (s *Session) kill(ctx context.Context, ids ...string) error {
	return endAll(ctx, s.link, "CONNECTION", ids)
}

// endAll ends connections, or only their statements. A list in which one is gone is tried again
// without it and those before it.
func endAll(ctx context.Context, l *link, what string, ids []string) error {
	for len(ids) > 0 {
		b := &batch{}
		for _, id := range ids {
			b.query(id, "SELECT 1").effect("kill connection "+id, "KILL "+what+" "+id)
		}
		got, err := l.run(ctx, b)
		if code(err) != codeNoSuchThread {
			return err
		}
		ids = ids[len(got):]
	}
	return nil
}

// holder is the connection that holds the lock, empty when it has just let go.
type holder struct {
	id         string
	attributes map[string]string
}

func (h holder) String() string {
	return fmt.Sprintf("connection %s of node %q, term %q", h.id, h.attributes[attributeNode], h.attributes[attributeTerm])
}

// yields tells whether a session of node in term may take the lock from the holder.
func (h holder) yields(node string, term uint64) error {
	if h.id == "" {
		return nil
	}
	held, err := strconv.ParseUint(h.attributes[attributeTerm], 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("%w: by connection %s, which is not regent's; end it (KILL %s) and the step is tried again", ErrLocked, h.id, h.id)
	case held > term:
		return fmt.Errorf("%w: %s, and this is term %d", ErrStaleTerm, h, term)
	case held < term || h.attributes[attributeNode] == node:
		return nil
	}
	return fmt.Errorf("%w by %s, in this very term; one of the two nodes is not the leader", ErrLocked, h)
}
