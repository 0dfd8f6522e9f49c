package api

import (
	"net/http"
	"time"

	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/policy"
)

// maintenanceRequest is the body of POST /v1/clusters/{cluster}/maintenance.
type maintenanceRequest struct {
	request
	// Action is begin or end.
	Action string          `json:"action"`
	TTL    policy.Duration `json:"ttl,omitempty"`
}

func (s *Server) postMaintenance(w http.ResponseWriter, r *http.Request) error {
	var body maintenanceRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	o := failover.Order{Cluster: r.PathValue("cluster"), Reason: body.Reason}
	switch body.Action {
	case "begin":
		o.Kind, o.TTL = failover.OrderMaintenance, time.Duration(body.TTL)
	case "end":
		o.Kind = failover.OrderMaintenanceEnd
	default:
		return failure(CodeBadRequest, "action %q is unknown; use begin or end", body.Action)
	}
	return s.order(w, r, o, body.Confirm)
}

// MaintenanceChange begins a maintenance of a cluster for ttl at most, or ends it where ttl is 0.
func MaintenanceChange(cluster, reason string, ttl time.Duration) Change {
	body := map[string]any{"action": "end", "reason": reason}
	if ttl > 0 {
		body["action"], body["ttl"] = "begin", policy.Duration(ttl)
	}
	return Change{path: clusterPath(cluster, "maintenance"), body: body}
}
