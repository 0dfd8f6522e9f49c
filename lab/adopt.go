package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// adopt waits for the nodes, hands them the cluster as an operator would, and
// waits until regent calls it healthy.
func (l *Lab) adopt(ctx context.Context) error {
	if err := l.awaitNodes(ctx); err != nil {
		return err
	}
	l.options.say("nodes are ready; applying %s", l.layout.clusters())
	if err := l.apply(ctx); err != nil {
		return err
	}
	return l.awaitHealthy(ctx)
}

func (l *Lab) awaitNodes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodesWithin)
	defer cancel()
	for _, n := range l.nodes {
		if err := poll(ctx, 100*time.Millisecond, func() error { return n.ready(ctx) }); err != nil {
			return fmt.Errorf("%w\n  %s", err, lastLines(l.layout.log(n.spec.ID)))
		}
	}
	return poll(ctx, 100*time.Millisecond, func() error {
		status, err := l.groupStatus(ctx)
		if err == nil && status.Leader == "" {
			err = errors.New("the nodes have no leader")
		}
		return err
	})
}

// groupStatus is the part of GET /v1/status that a bring-up looks at.
type groupStatus struct {
	Leader   string `json:"leader"`
	Clusters []struct {
		Cluster string `json:"cluster"`
		State   string `json:"state"`
		Reason  string `json:"reason"`
	} `json:"clusters"`
}

func (l *Lab) groupStatus(ctx context.Context) (groupStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var status groupStatus
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.nodes[0].api+"/v1/status", http.NoBody)
	if err != nil {
		return status, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return status, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return status, fmt.Errorf("status of node %s: %s", l.nodes[0].spec.ID, response.Status)
	}
	return status, json.NewDecoder(response.Body).Decode(&status)
}

// apply previews and confirms the declared cluster with the command that an
// operator would use. Servers that nobody has observed yet make the preview
// stale or refused, so that it is tried again for a while.
func (l *Lab) apply(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodesWithin)
	defer cancel()
	return poll(ctx, 500*time.Millisecond, func() error {
		answer, err := l.regent(ctx, "apply", "-f", l.layout.clusters(), "-o", "json")
		if err != nil {
			return err
		}
		var preview struct {
			Confirm string `json:"confirm"`
		}
		if err := json.Unmarshal(answer, &preview); err != nil || preview.Confirm == "" {
			return fmt.Errorf("regent apply answered no preview: %s", answer)
		}
		_, err = l.regent(ctx, "apply", "-f", l.layout.clusters(), "-o", "json", "--confirm", preview.Confirm)
		return err
	})
}

// regent runs a command of the regent binary against the lab's nodes.
func (l *Lab) regent(ctx context.Context, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, l.options.Exe, arguments...)
	cmd.Env = append(os.Environ(), "REGENT_API="+strings.Join(l.apis(), ","), "REGENT_TOKEN="+l.token)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("regent %s: %w: %s%s", arguments[0], err, strings.TrimSpace(stderr.String()), out)
	}
	return out, nil
}

func (l *Lab) awaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthyWithin)
	defer cancel()
	return poll(ctx, 100*time.Millisecond, func() error {
		status, err := l.groupStatus(ctx)
		if err != nil {
			return err
		}
		for _, c := range status.Clusters {
			if c.Cluster != l.topology.Cluster {
				continue
			}
			// In observe mode nobody brings the servers to the required settings.
			if c.State == "ok" || l.topology.Mode == "observe" {
				return nil
			}
			return fmt.Errorf("cluster %s is %s: %s", c.Cluster, c.State, c.Reason)
		}
		return fmt.Errorf("the nodes do not know cluster %s yet", l.topology.Cluster)
	})
}
