package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of the client.
const (
	dialTimeout  = time.Second
	probeTimeout = time.Second
	readTimeout  = 10 * time.Second
	replyLimit   = 64 << 20
)

// ErrNoNode means that no node of the list answered; the message says how each failed.
var ErrNoNode = errors.New("no node answered")

// ClientConfig tells a client whom to ask, and as whom.
type ClientConfig struct {
	// URLs are the nodes' APIs, such as http://10.1.0.10:7480; without a scheme http is meant.
	URLs  []string
	Token string
	// TLS is used for https URLs; nil trusts the machine's authorities.
	TLS *tls.Config
}

// Client asks the nodes of a group. It prefers the leader and goes on to the next node where one
// cannot answer; a change that may have reached a node is never sent to another.
type Client struct {
	token string
	http  *http.Client
	nodes []*url.URL // as given

	mu    sync.Mutex
	order []*url.URL // by preference; nil when that has to be found out again
}

// NewClient returns a client, or an error that names the URL that is not one.
func NewClient(cfg ClientConfig) (*Client, error) {
	c := &Client{token: cfg.Token}
	for _, text := range cfg.URLs {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, failure(CodeBadRequest, "%q is not the address of an API; write one such as http://10.1.0.10:7480", text)
		}
		c.nodes = append(c.nodes, u)
	}
	if len(c.nodes) == 0 {
		return nil, failure(CodeBadRequest, "no API is named; set REGENT_API or --api to the nodes' addresses, such as http://10.1.0.10:7480")
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: cfg.TLS, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
	}}
	return c, nil
}

// standing is what a node says of itself.
type standing struct {
	node  *url.URL
	rank  int // 0 for the leader, 1 for a node that knows one, 2 for one that answers, 3 for none
	since time.Duration
}

// preferred returns the leader first, then the nodes that know most recently of one.
func (c *Client) preferred(ctx context.Context) []*url.URL {
	if len(c.nodes) == 1 {
		return c.nodes
	}
	c.mu.Lock()
	known := c.order
	c.mu.Unlock()
	if known != nil {
		return known
	}
	order := c.rank(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = order
	return order
}

// forget has the order found out again by the next call.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = nil
}

func (c *Client) rank(ctx context.Context) []*url.URL {
	answers := make(chan standing, len(c.nodes))
	for _, node := range c.nodes {
		go func() { answers <- c.standing(ctx, node) }()
	}
	found := make(map[*url.URL]standing, len(c.nodes))
	for range c.nodes {
		s := <-answers
		found[s.node] = s
	}
	return slices.SortedStableFunc(slices.Values(c.nodes), func(a, b *url.URL) int {
		return cmp.Or(cmp.Compare(found[a].rank, found[b].rank), cmp.Compare(found[a].since, found[b].since))
	})
}

// standing asks one node. Its headers tell, whatever it answers.
func (c *Client) standing(ctx context.Context, node *url.URL) standing {
	s := standing{node: node, rank: 3}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, node.JoinPath("healthz").String(), nil)
	if err != nil {
		return s
	}
	reply, err := c.http.Do(r)
	if err != nil {
		return s
	}
	defer closeQuietly(reply.Body)
	age, err := time.ParseDuration(reply.Header.Get(HeaderAge))
	leader := reply.Header.Get(HeaderLeader)
	switch {
	case leader != "" && leader == reply.Header.Get(HeaderNode):
		s.rank = 0
	case leader != "" && err == nil:
		s.rank, s.since = 1, age
	default:
		s.rank = 2
	}
	return s
}

// get reads one answer into out.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout*time.Duration(len(c.nodes)))
	defer cancel()
	body, err := c.send(ctx, http.MethodGet, path, query, nil, readTimeout)
	if err != nil {
		return err
	}
	defer closeQuietly(body)
	return decodeReply(path, body, out)
}

func decodeReply(path string, body io.Reader, out any) error {
	if err := json.NewDecoder(io.LimitReader(body, replyLimit)).Decode(out); err != nil {
		return fmt.Errorf("the answer to %s cannot be read (%w); are the CLI and the nodes of one release?", path, err)
	}
	return nil
}

// send asks one node after the other until one answers. limit bounds each attempt up to its headers;
// 0 waits as long as the context lasts.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body []byte, limit time.Duration) (io.ReadCloser, error) {
	var failures []string
	var last error
	for _, node := range c.preferred(ctx) {
		reply, err := c.attempt(ctx, node, method, path, query, body, limit)
		if err == nil {
			return reply, nil
		}
		c.forget()
		if !again(method, err) {
			return nil, err
		}
		last = err
		failures = append(failures, fmt.Sprintf("%s: %s", node, brief(err)))
	}
	var answer *Error
	if errors.As(last, &answer) {
		return nil, last
	}
	return nil, fmt.Errorf("%w (%s); check --api or REGENT_API, and that a node runs", ErrNoNode, strings.Join(failures, "; "))
}

// attempt asks one node.
func (c *Client) attempt(ctx context.Context, node *url.URL, method, path string, query url.Values, body []byte, limit time.Duration) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	if limit > 0 {
		timer := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no answer within %s", limit)) })
		defer timer.Stop()
	}
	target := node.JoinPath(path)
	target.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("api: ask %s: %w", target, err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Content-Type", "application/json")
	reply, err := c.http.Do(r)
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		if cause != nil {
			return nil, fmt.Errorf("api: ask %s: %w", target, cause)
		}
		return nil, fmt.Errorf("api: %w", err)
	}
	if reply.StatusCode >= http.StatusBadRequest {
		defer cancel(nil)
		return nil, failed(reply)
	}
	if h := reply.Header; h.Get(HeaderLeader) != h.Get(HeaderNode) {
		c.forget()
	}
	return &replyBody{ReadCloser: reply.Body, done: func() { cancel(nil) }}, nil
}

// replyBody ends its request when it is closed.
type replyBody struct {
	io.ReadCloser
	done func()
}

// Close closes the body and frees its connection.
func (b *replyBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// failed reads an error answer.
func failed(reply *http.Response) error {
	defer closeQuietly(reply.Body)
	var body errorBody
	err := json.NewDecoder(io.LimitReader(reply.Body, bodyLimit)).Decode(&body)
	if err != nil || body.Error == nil || body.Error.Code == "" {
		return failure(CodeInternal, "the answer was %s without saying why; is that the address of a regent API?", reply.Status)
	}
	return body.Error
}

// again tells whether another node may be asked: always after a read that found no answer, after a
// change only if it cannot have reached anybody who acts on it.
func again(method string, err error) bool {
	var answer *Error
	if errors.As(err, &answer) {
		return answer.Code == CodeNoLeader || (method == http.MethodGet && answer.Code.status() == http.StatusServiceUnavailable)
	}
	if method == http.MethodGet {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// brief is an error without the URL, which the message names anyway.
func brief(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
