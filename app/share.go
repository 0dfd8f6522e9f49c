package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/regentdb/regent/binlog/mirror"
	"github.com/regentdb/regent/failover"
)

// Paths of what nodes ask of each other about the files of reports.
const (
	copiedPath = "regent/copied"
	partPath   = "regent/part"
	filesPath  = "regent/files"
)

// Bounds of what a peer may send, in bytes: a part is as long as what was decided since the last one.
const (
	partLimit      = 256 << 20
	copiedLimit    = 64 << 10
	inventoryLimit = 16 << 20
)

// shareLimit is how long a further decision waits for another node to have the ones before it.
const shareLimit = 3 * time.Second

// part is a part of a file of a report, from the node that works on it.
type part struct {
	Report string      `json:"report"`
	Node   string      `json:"node"`
	Part   mirror.Part `json:"part"`
}

// errAlone means that no other node has the files of a report as they are.
var errAlone = errors.New("app: no other node holds a copy")

// share has another node know what was decided about a report. Files besides the decision log are named.
func (c *copies) share(ctx context.Context, id string, names ...string) error {
	v := c.find(id)
	dir, err := c.reports.path(id)
	if err != nil {
		return err
	}
	switch {
	case len(c.log.State().Nodes) < 2:
		return nil // The group is this node.
	case v == nil || len(v.Holders()) < 2:
		return errAlone
	}
	ctx, cancel := context.WithTimeout(ctx, shareLimit)
	defer cancel()
	var failures []error
	for _, node := range v.Holders()[1:] {
		err := c.shareLog(ctx, shared{id, node}, dir)
		for _, name := range names {
			err = errors.Join(err, c.shareFile(ctx, shared{id, node}, dir, name))
		}
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// sharing follows a job and keeps in mind that for a while no other node had what it decided.
type sharing struct {
	copies *copies
	ctx    context.Context //nolint:containedctx // of the job, for what is shared at its end
	report string
	names  []string
	alone  bool
}

func (r *reconciler) sharing(ctx context.Context, report string) *sharing {
	return &sharing{copies: r.copies, ctx: ctx, report: report}
}

// share has another node know what was decided until now. The job goes on where none can.
func (s *sharing) share(ctx context.Context) {
	err := s.copies.share(ctx, s.report, s.names...)
	if err != nil && !s.alone {
		s.alone = true
		s.copies.logger.WarnContext(ctx, "what is decided about a report is on this node alone for now", "report", s.report, "error", err)
	}
}

// outcome completes the outcome of a job that has ended.
func (s *sharing) outcome(o failover.JobOutcome, err error) (failover.JobOutcome, error) {
	s.share(s.ctx)
	o.Alone = s.alone
	return o, err
}

// shareLog sends what a node does not have of the decision log, and all of it where that is not known.
func (c *copies) shareLog(ctx context.Context, to shared, dir string) error {
	c.mu.Lock()
	offset := c.acked[to]
	c.mu.Unlock()
	err := c.shareFrom(ctx, to, dir, offset)
	if err != nil && offset > 0 && ctx.Err() == nil {
		err = c.shareFrom(ctx, to, dir, 0)
	}
	return err
}

func (c *copies) shareFrom(ctx context.Context, to shared, dir string, offset int64) error {
	p, err := c.reports.mirror.Tail(dir, offset)
	if err != nil {
		return err
	}
	if len(p.Data) > 0 {
		if err := c.peers.post(ctx, to.node, partPath, part{Report: to.report, Node: c.self.ID, Part: p}); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked[to] = offset + int64(len(p.Data))
	return nil
}

// shareFile sends a small file; one that is not there was removed, which the next copy of all files finds.
func (c *copies) shareFile(ctx context.Context, to shared, dir, name string) error {
	path, err := mirror.Path(dir, name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return c.peers.post(ctx, to.node, partPath, part{Report: to.report, Node: c.self.ID, Part: mirror.Part{Name: name, Data: text}})
}

// receive brings a part into the copy that this node holds, if it comes from the node that works on the report.
func (c *copies) receive(ctx context.Context, p part) error {
	v := c.find(p.Report)
	if v == nil || v.Node != p.Node {
		return fmt.Errorf("app: node %s does not work on report %s", p.Node, p.Report)
	}
	dir, err := c.reports.path(p.Report)
	if err != nil {
		return err
	}
	leave, err := c.take(ctx, p.Report)
	if err != nil {
		return err
	}
	defer leave()
	return c.reports.mirror.Add(dir, p.Part)
}

// find is what is agreed about a report, nil where there is none of that name.
func (c *copies) find(id string) *failover.Divergence {
	state := c.log.State()
	for _, cluster := range state.Clusters {
		for i := range cluster.State.Divergences {
			if v := &cluster.State.Divergences[i]; v.ID == id {
				return v
			}
		}
	}
	return nil
}

// handleInventory answers which files of a report this node has. The header goes first, as reading them takes a while.
func (c *copies) handleInventory(w http.ResponseWriter, r *http.Request) {
	record, dir, err := c.offered(r.PathValue("report"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	if record.Files == nil {
		record.Files, err = c.reports.mirror.Take(dir)
	}
	if err == nil {
		err = json.NewEncoder(w).Encode(record)
	}
	if err != nil {
		c.logger.WarnContext(r.Context(), "the files of a report could not be offered to another node", "report", r.PathValue("report"), "error", err)
		panic(http.ErrAbortHandler) // Half an answer is none.
	}
}

// offered is what this node has to offer of a report: the files themselves, or a copy that is whole.
func (c *copies) offered(id string) (mirror.Record, string, error) {
	dir, err := c.reports.path(id)
	if err != nil {
		return mirror.Record{}, "", err
	}
	v := c.find(id)
	if v == nil {
		return mirror.Record{}, "", fmt.Errorf("%w: %s", errReportID, id)
	}
	if record, copied := mirror.Copied(dir); copied {
		return record, dir, c.reports.mirror.Verify(dir)
	}
	if v.Node != c.self.ID {
		return mirror.Record{}, "", fmt.Errorf("app: the files of report %s are not on node %s", id, c.self.ID)
	}
	return mirror.Record{Change: v.Files}, dir, nil
}

// handleFile answers the content of one file, from an offset on where a range is asked for.
func (c *copies) handleFile(w http.ResponseWriter, r *http.Request) {
	_, dir, err := c.offered(r.PathValue("report"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	path, err := mirror.Path(dir, r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	file, err := os.Open(path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer func() { _ = file.Close() }() // It was only read.
	http.ServeContent(w, r, "", time.Time{}, file)
}

// serveFiles registers what this node answers to its peers about the files of reports.
func (p *peers) serveFiles(c *copies) {
	p.node.PeerHandle("POST /"+copiedPath, taking(p, copiedLimit, c.accept))
	p.node.PeerHandle("POST /"+partPath, taking(p, partLimit, c.receive))
	p.node.PeerHandle("GET /"+filesPath+"/{report}", http.HandlerFunc(c.handleInventory))
	p.node.PeerHandle("GET /"+filesPath+"/{report}/{name}", http.HandlerFunc(c.handleFile))
}

// inventory asks a peer which files of a report it has.
func (p *peers) inventory(ctx context.Context, node, report string) (out mirror.Record, err error) {
	body, err := p.read(ctx, node, filesPath+"/"+url.PathEscape(report), 0)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if err := json.NewDecoder(io.LimitReader(body, inventoryLimit)).Decode(&out); err != nil {
		return out, fmt.Errorf("app: the files of report %s on %s: %w", report, node, err)
	}
	return out, nil
}

// file reads files of a report from a peer.
func (p *peers) file(node, report string) mirror.Fetch {
	return func(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
		return p.read(ctx, node, filesPath+"/"+url.PathEscape(report)+"/"+url.PathEscape(name), offset)
	}
}

// read asks a peer for content, from an offset on.
func (p *peers) read(ctx context.Context, node, path string, offset int64) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.node.PeerURL(node)+path, nil)
	if err != nil {
		return nil, fmt.Errorf("app: ask %s: %w", node, err)
	}
	want := http.StatusOK
	if offset > 0 {
		want = http.StatusPartialContent
		request.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	response, err := p.node.PeerClient(node).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == want {
		return response.Body, nil
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	return nil, errors.Join(fmt.Errorf("%w: %s answered %s: %s", errPeer, node, response.Status, answer), err, response.Body.Close())
}
