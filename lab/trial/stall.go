package trial

import (
	"context"
	"slices"
	"strings"
	"time"
)

// wake lets the stopped leader go on once its stall is over, and waits until it takes part again and what
// it was about to do has ended.
func (a *ambush) wake(ctx context.Context, out *Ambushed) error {
	if err := Rest(ctx, time.Until(a.struck.Add(a.Stall))); err != nil {
		return err
	}
	a.resumed = time.Now()
	if err := a.w.Lab.Resume(ctx, a.Node); err != nil {
		return err
	}
	err := Await(ctx, 20*time.Second, "a word of "+a.Node+" about what it could not do", func(context.Context) (bool, string) {
		var err error
		if out.Rejected, err = a.rejected(out.Spot); err != nil {
			return false, err.Error()
		}
		return len(out.Rejected) > 0, "nothing after " + out.Spot
	})
	if err != nil {
		return err
	}
	if err := a.w.AwaitNodes(ctx, 20*time.Second); err != nil {
		return err
	}
	return Rest(ctx, 2*time.Second)
}

// rejected lists what the stopped leader said about the step or the commit that it was about to make. The
// error says that it made it.
func (a *ambush) rejected(spot string) ([]string, error) {
	lines, err := readLog(a.w.Lab.Log(a.Node), a.offset)
	if err != nil {
		return nil, err
	}
	head, server := cutServer(spot)
	kind, isStep := strings.CutPrefix(head, "before:")
	isStep = isStep && server != ""
	var rejected []string
	i, _ := sprung(lines)
	for _, l := range lines[i+1:] {
		ended := l["msg"] == "action ended" && l["server"] != ""
		switch {
		case isStep && ended && l["kind"] == kind && l["server"] == server:
			if l["error"] == "" {
				return nil, judged("%s says that it did %s on %s after another leader had taken over", a.Node, kind, server)
			}
			rejected = append(rejected, l["error"])
		case !isStep && ended && l["error"] != "", !isStep && l["msg"] == "the decision did not take effect":
			rejected = append(rejected, l["error"])
		}
	}
	return rejected, nil
}

// judgeRejection proves by the servers that a leader that went on after another had finished did nothing.
func (a *ambush) judgeRejection(ctx context.Context, out *Ambushed, statements []Statement) error {
	var err error
	if out.Rejected, err = a.rejected(out.Spot); err != nil {
		return err
	}
	for _, s := range statements {
		if s.Node == a.Node && s.At.After(a.resumed) && s.Effect() {
			return judged("%s did on %s after it went on: %s (connection %s)", a.Node, s.Server, s.Text, s.Connection)
		}
	}
	for _, server := range a.witness.servers {
		if err := a.w.judgeServer(ctx, server, server == out.New); err != nil {
			return err
		}
	}
	return a.w.judgeLock(ctx, out.New, a.Node)
}

// judgeServer checks that a server is open if it is the primary, and read-only otherwise.
func (w *World) judgeServer(ctx context.Context, server string, primary bool) error {
	flags, err := w.ask(ctx, server, "SELECT CONCAT(@@GLOBAL.read_only, @@GLOBAL.super_read_only)")
	if err != nil {
		return err
	}
	if want := map[bool]string{true: "00", false: "11"}[primary]; flags != want {
		return judged("read_only and super_read_only of %s are %s, and should be %s", server, flags, want)
	}
	return nil
}

// judgeLock checks that the lock of the cluster on a server is not the old leader's.
func (w *World) judgeLock(ctx context.Context, server, old string) error {
	holder, err := w.ask(ctx, server, `SELECT attr_value FROM performance_schema.session_connect_attrs
		WHERE processlist_id = IS_USED_LOCK('regent:`+w.Cluster+`') AND attr_name = 'regent_node'`)
	if err != nil {
		return err
	}
	if holder == old || !slices.Contains(w.nodeNames(), holder) {
		return judged("the lock of the cluster on %s is held by %q, after %s was deposed", server, holder, old)
	}
	return nil
}

func (w *World) nodeNames() []string {
	var names []string
	for _, n := range w.status.Nodes {
		names = append(names, n.ID)
	}
	return names
}
