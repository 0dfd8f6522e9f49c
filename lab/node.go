package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/regentdb/regent/lab/daemon"
)

// node is a regent daemon of the lab.
type node struct {
	*daemon.Daemon

	spec NodeSpec
	api  string // where the host reaches its API, as a URL.

	mu   sync.Mutex
	trap string // of the next start.
}

func (l *Lab) newNode(spec NodeSpec) *node {
	config := l.layout.node(spec.ID)
	n := &node{spec: spec}
	n.Daemon = daemon.New(daemon.Config{
		Name: spec.ID, Output: l.layout.log(spec.ID), Log: l.options.Log, Launch: l.launcher(spec.ID),
		Command: func() *exec.Cmd {
			cmd := exec.Command(l.options.Exe, "serve", "--config", config) //nolint:noctx // the process outlives the request that starts it.
			cmd.Env = append(os.Environ(), trapVariable+"="+n.takeTrap())
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			return cmd
		},
	})
	return n
}

// launcher starts commands inside a host of the fabric, with the lab's mark.
func (l *Lab) launcher(host string) func(*exec.Cmd) error {
	return func(cmd *exec.Cmd) error {
		cmd.Env = append(cmd.Env, membership(l.layout))
		return l.fabric.Start(host, cmd)
	}
}

// ready asks a node whether it is ready. The reason for a no is the error.
func (n *node) ready(ctx context.Context) error {
	if state, _ := n.Status(); state == daemon.Down {
		return fmt.Errorf("node %s has ended", n.spec.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.api+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("node %s does not answer: %w", n.spec.ID, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("node %s is not ready: %s", n.spec.ID, response.Status)
	}
	return nil
}

// lastLines are the last lines of a log, for an error.
func lastLines(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 5 {
		lines = lines[len(lines)-5:]
	}
	return strings.Join(lines, "\n  ")
}

// apis are the nodes' APIs as the host reaches them.
func (l *Lab) apis() []string {
	var all []string
	for _, n := range l.nodes {
		all = append(all, n.api)
	}
	return all
}
