package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// request is what every change carries besides its own fields.
type request struct {
	Reason  string `json:"reason,omitempty"`
	Confirm string `json:"confirm,omitempty"`
}

// failoverRequest is the body of POST /v1/clusters/{cluster}/failover.
type failoverRequest struct {
	request
	To             string          `json:"to,omitempty"`
	OverrideRegion bool            `json:"override_region,omitempty"`
	PoweredOff     bool            `json:"powered_off,omitempty"`
	TTL            policy.Duration `json:"ttl,omitempty"`
}

// cloneRequest is the body of POST /v1/servers/{server}/clone.
type cloneRequest struct {
	request
	From string `json:"from"`
}

func (s *Server) postFailover(w http.ResponseWriter, r *http.Request) error {
	var body failoverRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.OverrideRegion || body.PoweredOff {
		if err := require(r, RoleAdmin); err != nil {
			return err
		}
	}
	o := failover.Order{
		Kind: failover.OrderFailover, Cluster: r.PathValue("cluster"), Server: body.To,
		Override: body.OverrideRegion, PoweredOff: body.PoweredOff, Reason: body.Reason, TTL: time.Duration(body.TTL),
	}
	return s.order(w, r, o, body.Confirm)
}

func (s *Server) postClone(w http.ResponseWriter, r *http.Request) error {
	var body cloneRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	server := r.PathValue("server")
	state := s.cfg.Source.State()
	cluster, ok := state.ClusterOf(server)
	if !ok {
		return failure(CodeNotFound, "server %q is not declared in any cluster; `regent topology` lists the servers", server)
	}
	if body.From == "" {
		return failure(CodeBadRequest, "a clone needs a donor: name it in \"from\" (--from SERVER)")
	}
	return s.order(w, r, failover.Order{Kind: failover.OrderClone, Cluster: cluster, Server: server, From: body.From, Reason: body.Reason}, body.Confirm)
}

func (s *Server) postAck(w http.ResponseWriter, r *http.Request) error {
	return s.plainOrder(w, r, failover.OrderAck)
}

func (s *Server) postRelease(w http.ResponseWriter, r *http.Request) error {
	return s.plainOrder(w, r, failover.OrderRelease)
}

func (s *Server) postPause(w http.ResponseWriter, r *http.Request) error {
	return s.plainOrder(w, r, failover.OrderPause)
}

func (s *Server) postResume(w http.ResponseWriter, r *http.Request) error {
	return s.plainOrder(w, r, failover.OrderResume)
}

// plainOrder is an order about a cluster that needs no more than a reason.
func (s *Server) plainOrder(w http.ResponseWriter, r *http.Request, kind failover.OrderKind) error {
	var body request
	if err := decode(r, &body); err != nil {
		return err
	}
	return s.order(w, r, failover.Order{Kind: kind, Cluster: r.PathValue("cluster"), Reason: body.Reason}, body.Confirm)
}

// order previews an order, or carries out the one that was previewed.
func (s *Server) order(w http.ResponseWriter, r *http.Request, o failover.Order, token string) error {
	if _, err := s.cluster(r); r.PathValue("cluster") != "" && err != nil {
		return err
	}
	c, _ := callerOf(r.Context())
	o.By, o.At, o.ID = c.Name, s.cfg.Now().UTC(), newOrderID()
	preview, err := s.cfg.Orders.Preview(r.Context(), o)
	if token != "" && errors.Is(err, failover.ErrRefused) {
		return failure(CodeStale, "the cluster is no longer as the preview showed it, and nothing was done: %s", err)
	}
	if err != nil {
		return err
	}
	bound := binding{By: c.Name, Action: string(o.Kind), Request: orderRequest(o), Fingerprint: preview.Fingerprint}
	if token == "" {
		return s.offer(w, r, preview, bound)
	}
	if err := s.confirmer.check(token, bound, s.cfg.Now()); err != nil {
		return err
	}
	return s.carryOut(w, r, o)
}

// orderRequest is the order as it was asked for. The reason is not part of it: other words for the
// same change do not make it another change.
func orderRequest(o failover.Order) failover.Order {
	o.ID, o.By, o.At, o.Reason = "", "", time.Time{}, ""
	if o.Settle != nil {
		settle := *o.Settle
		settle.Forecast = nil // it moves with every write
		o.Settle = &settle
	}
	return o
}

func newOrderID() string { return "order-" + rand.Text()[:12] }

// offer answers with a preview and the token that carries it out.
func (s *Server) offer(w http.ResponseWriter, r *http.Request, preview any, bound binding) error {
	shown, err := json.Marshal(preview)
	if err != nil {
		return fmt.Errorf("api: encode preview: %w", err)
	}
	token, expires, err := s.confirmer.issue(bound, s.cfg.Now())
	if err != nil {
		return err
	}
	return s.ok(w, r, Offer{Preview: shown, Confirm: token, ExpiresAt: &expires})
}

// dryRun answers with a preview alone: nothing can be confirmed by it.
func (s *Server) dryRun(w http.ResponseWriter, r *http.Request, preview any) error {
	shown, err := json.Marshal(preview)
	if err != nil {
		return fmt.Errorf("api: encode preview: %w", err)
	}
	return s.ok(w, r, Offer{Preview: shown})
}

// carryOut commits an order and waits until it is done or held.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, o failover.Order) error {
	before := s.cfg.Source.State().Clusters[o.Cluster]
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.AwaitLimit)
	defer cancel()
	accepted, err := s.cfg.Orders.Submit(ctx, o)
	if err != nil {
		return err
	}
	p := newProgress(o, before, accepted, s.cfg.Now)
	after, err := s.cfg.Orders.Await(ctx, o.Cluster, p.ended)
	if err != nil {
		return fmt.Errorf("api: wait for %s of %s: %w", o.Kind, o.Cluster, err)
	}
	view := s.cfg.Source.View(after.Spec)
	status := clusterStatus(&after, &view, s.cfg.Now())
	out := Outcome{Outcome: "done", Cluster: &status, Events: historyOf(eventsAfter(after.History, lastEvent(&before)))}
	code, reason := p.outcome(after)
	out.Reason = reason
	if code != "" {
		out.Outcome = string(code)
		return &Error{Code: code, Message: reason, Details: out}
	}
	return s.ok(w, r, out)
}

// decode reads one JSON object and nothing else; an empty body is an empty object.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		_, err = decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		err = errTrailing
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return failure(CodeBadRequest, "the body is not the JSON that %s takes (%s); GET /openapi.json describes it", r.URL.Path, err)
}

var errTrailing = errors.New("something follows the object")
