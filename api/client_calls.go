package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/regentdb/regent/policy"
)

// Status asks for the nodes, the leader and the clusters.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var out Status
	return out, c.get(ctx, "/v1/status", nil, &out)
}

// Topology asks for one cluster.
func (c *Client) Topology(ctx context.Context, cluster string) (Topology, error) {
	var out Topology
	return out, c.get(ctx, "/v1/clusters/"+url.PathEscape(cluster), nil, &out)
}

// History asks for the events of a cluster, oldest first; limit 0 means all that are kept.
func (c *Client) History(ctx context.Context, cluster string, limit int) ([]HistoryEntry, error) {
	query := url.Values{}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var out []HistoryEntry
	return out, c.get(ctx, "/v1/clusters/"+url.PathEscape(cluster)+"/history", query, &out)
}

// Specs asks for what is declared.
func (c *Client) Specs(ctx context.Context) (policy.Specs, error) {
	var out policy.Specs
	return out, c.get(ctx, "/v1/specs", nil, &out)
}

// Reports asks for the reports, oldest first.
func (c *Client) Reports(ctx context.Context) ([]ReportEntry, error) {
	var out []ReportEntry
	return out, c.get(ctx, "/v1/reports", nil, &out)
}

// Report asks for one report with its summary.
func (c *Client) Report(ctx context.Context, id string) (Report, error) {
	var out Report
	return out, c.get(ctx, "/v1/reports/"+url.PathEscape(id), nil, &out)
}

// ReportPart opens a file of a report; the caller closes it. A read that ends early is an error, so
// what was read without one is whole.
func (c *Client) ReportPart(ctx context.Context, id string, part ReportPart, reveal bool) (io.ReadCloser, error) {
	query := url.Values{}
	if reveal {
		query.Set("reveal", "true")
	}
	return c.send(ctx, http.MethodGet, "/v1/reports/"+url.PathEscape(id)+"/"+string(part), query, nil, readTimeout)
}

// Change is something to be previewed and then confirmed.
type Change struct {
	path string
	body map[string]any
}

// Failover is what may be said about replacing a primary.
type Failover struct {
	To             string
	OverrideRegion bool
	PoweredOff     bool // states that the old primary is off
	Reason         string
	TTL            time.Duration
}

// FailoverChange replaces the primary of a cluster.
func FailoverChange(cluster string, f Failover) Change {
	body := map[string]any{"reason": f.Reason, "to": f.To, "override_region": f.OverrideRegion}
	if f.PoweredOff {
		body["powered_off"] = true // only then, for nodes of an earlier release
	}
	if f.TTL > 0 {
		body["ttl"] = policy.Duration(f.TTL)
	}
	return Change{path: clusterPath(cluster, "failover"), body: body}
}

// ClusterOrder is a change of a cluster that needs no more than a reason.
type ClusterOrder string

// Orders for clusters.
const (
	OrderAck     ClusterOrder = "ack"
	OrderRelease ClusterOrder = "release"
	OrderPause   ClusterOrder = "pause"
	OrderResume  ClusterOrder = "resume"
)

// OrderChange gives a cluster an order.
func OrderChange(order ClusterOrder, cluster, reason string) Change {
	return Change{path: clusterPath(cluster, string(order)), body: map[string]any{"reason": reason}}
}

func clusterPath(cluster, what string) string {
	return "/v1/clusters/" + url.PathEscape(cluster) + "/" + what
}

// CloneChange rebuilds a server from a donor.
func CloneChange(server, from, reason string) Change {
	return Change{path: "/v1/servers/" + url.PathEscape(server) + "/clone", body: map[string]any{"from": from, "reason": reason}}
}

// LeaderChange hands the leadership of the group to a node.
func LeaderChange(node, reason string) Change {
	return Change{path: "/v1/leader", body: map[string]any{"node": node, "reason": reason}}
}

// SpecsChange declares clusters.
func SpecsChange(specs policy.Specs, reason string) Change {
	return Change{path: "/v1/specs", body: map[string]any{"specs": specs, "reason": reason}}
}

// DryRun asks for the preview of a declaration alone: the offer has no token.
func (ch Change) DryRun() Change { return ch.with("dry_run", true) }

func (ch Change) with(key string, value any) Change {
	body := map[string]any{key: value}
	for k, v := range ch.body {
		body[k] = v
	}
	return Change{path: ch.path, body: body}
}

// Preview asks what a change would do. Nothing is changed.
func (c *Client) Preview(ctx context.Context, ch Change) (Offer, error) {
	var out Offer
	return out, c.post(ctx, ch, &out)
}

// Confirm carries a change out and returns when it is done; when it is refused or held, the error is
// an [Error] that says so.
func (c *Client) Confirm(ctx context.Context, ch Change, token string) (Outcome, error) {
	var out Outcome
	return out, c.post(ctx, ch.with("confirm", token), &out)
}

func (c *Client) post(ctx context.Context, ch Change, out any) error {
	body, err := json.Marshal(ch.body)
	if err != nil {
		return fmt.Errorf("api: encode the request: %w", err)
	}
	reply, err := c.send(ctx, http.MethodPost, ch.path, nil, body, 0)
	if err != nil {
		return err
	}
	defer closeQuietly(reply)
	return decodeReply(ch.path, reply, out)
}
