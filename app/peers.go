package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/regentdb/regent/guard"
	"github.com/regentdb/regent/raftnode"
	"github.com/regentdb/regent/raftnode/fsm"
	"github.com/regentdb/regent/topology"
)

// Paths of what nodes ask of each other. Requests to the API of another node go below forwardPath.
const (
	reportPath   = "regent/report"
	announcePath = "regent/announce"
	permitPath   = "regent/permit"
	forwardPath  = "regent/api"
)

// Bounds of what a peer may send, in bytes. A report grows with the number of servers.
const (
	reportLimit   = 64 << 20
	announceLimit = 64 << 10
	permitLimit   = 64 << 10
	answerLimit   = 4 << 10
)

var (
	// errPeer means that a peer answered and did not accept.
	errPeer = errors.New("app: the other node refused")
	// errConflict means that it did not because of what is agreed.
	errConflict = fmt.Errorf("%w by what is agreed", errPeer)
)

// peers carries requests between nodes, over the connections on which they know each other.
type peers struct {
	node   *raftnode.Node
	logger *slog.Logger
}

// post sends a JSON body to a peer that answers without content.
func (p *peers) post(ctx context.Context, id, path string, body any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("app: encode for %s: %w", id, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.node.PeerURL(id)+path, bytes.NewReader(encoded))
	if err != nil {
		return fmt.Errorf("app: ask %s: %w", id, err)
	}
	response, err := p.node.PeerClient(id).Do(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("app: ask %s: %w", id, err)
	}
	switch response.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusConflict:
		return fmt.Errorf("%w: %s: %s", errConflict, id, bytes.TrimSpace(answer))
	}
	return fmt.Errorf("%w: %s answered %s: %s", errPeer, id, response.Status, bytes.TrimSpace(answer))
}

// publish hands a report to a peer.
func (p *peers) publish(ctx context.Context, id string, r topology.Report) error {
	return p.post(ctx, id, reportPath, r)
}

// announceTo tells the leader what this node is.
func (p *peers) announceTo(ctx context.Context, leader string, n fsm.Node) error {
	return p.post(ctx, leader, announcePath, n)
}

// askPermission asks the leader whether a lease may be renewed.
func (p *peers) askPermission(ctx context.Context, leader string, r permission) error {
	return p.post(ctx, leader, permitPath, r)
}

// Forward sends a request to the API of another node and returns its answer untouched.
func (p *peers) Forward(_ context.Context, node string, r *http.Request) (*http.Response, error) {
	base := p.node.PeerURL(node) + forwardPath
	target, err := r.URL.Parse(base + r.URL.EscapedPath())
	if err != nil {
		return nil, fmt.Errorf("app: forward to %s: %w", node, err)
	}
	target.RawQuery = r.URL.RawQuery
	r.URL, r.Host, r.RequestURI = target, "", ""
	return p.node.PeerClient(node).Do(r)
}

// serve registers what this node answers to its peers.
func (p *peers) serve(receive func(topology.Report) bool, announce func(context.Context, fsm.Node) error,
	permit func(context.Context, permission) error, api http.Handler,
) {
	p.node.PeerHandle("POST /"+reportPath, taking(p, reportLimit, func(_ context.Context, r topology.Report) error {
		receive(r) // One that is no news is dropped; its sender has sent a newer one.
		return nil
	}))
	p.node.PeerHandle("POST /"+announcePath, taking(p, announceLimit, announce))
	p.node.PeerHandle("POST /"+permitPath, taking(p, permitLimit, permit))
	p.node.PeerHandle("/"+forwardPath+"/", http.StripPrefix("/"+forwardPath, api))
}

// taking decodes a body and answers without content.
func taking[T any](p *peers, limit int64, take func(context.Context, T) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body T
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(&body)
		if err != nil {
			p.logger.WarnContext(r.Context(), "a peer's request was not understood", "path", r.URL.Path, "error", err)
			http.Error(w, "not understood: "+err.Error(), http.StatusBadRequest)
			return
		}
		if err := take(r.Context(), body); err != nil {
			status := http.StatusServiceUnavailable
			if errors.Is(err, guard.ErrRefused) {
				status = http.StatusConflict
			}
			http.Error(w, err.Error(), status)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
