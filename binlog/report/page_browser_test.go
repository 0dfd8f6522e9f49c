//go:build integration

package report_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regentdb/regent/api"
	"github.com/regentdb/regent/api/apitest"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/raftnode/fsm"
)

var results = flag.String("results", "", "where to keep pictures of the pages")

// pageOf writes the page of a report and returns its path.
func pageOf(t *testing.T, dir string, reveal bool) string {
	t.Helper()
	var page bytes.Buffer
	if err := report.WriteHTML(&page, dir, reveal); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load opens a page and reports what it weighs and how long it took.
func load(b *browser, path string) {
	b.t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.open(path)
	b.until(`document.documentElement.dataset.ready !== undefined`)
	b.t.Logf("%.1f MB, ready %s ms after it was opened, %.0f MB of heap", float64(info.Size())/1e6,
		value[string](b, `document.documentElement.dataset.ready`), value[float64](b, `performance.memory.usedJSHeapSize / 1e6`))
	if len(b.requests) != 1 || len(b.complaints) > 0 {
		b.t.Errorf("requests %v, complaints %v", b.requests, b.complaints)
	}
}

func TestBrowserShows954TransactionsIn12Tables(t *testing.T) {
	w := newIncident(954)
	dir, s := written(t, w.input())
	b := startBrowser(t)
	load(b, pageOf(t, dir, false))

	want := "954 transactions, 12 tables, 22:52:03-22:52:46 UTC: 820 safe, 90 already repeated, 44 need a person (2 undecodable)"
	if got := b.text("h1"); got != want || got != s.Sentence {
		t.Errorf("on top: %q, want %q", got, want)
	}
	if top := value[float64](b, `document.querySelector("h1").getBoundingClientRect().bottom`); top > 200 {
		t.Errorf("the sentence ends %v pixels below the top", top)
	}
	if got := b.text("#arithmetic"); !strings.Contains(got, "954 captured = 952 listed + 2 undecodable 952 listed = 90 ALREADY + 820 SAFE") {
		t.Errorf("arithmetic: %s", got)
	}
	if n := value[int](b, `document.querySelectorAll("#tables tbody tr").length`); n != 12 {
		t.Errorf("%d tables", n)
	}
	b.shot("summary-954")
	b.shownIs("954 of 954 transactions, ")
	b.filters(w)
	b.detail()
	b.keys()
	b.readable()
}

// shownIs checks the line that counts what the filter leaves.
func (b *browser) shownIs(prefix string) {
	b.t.Helper()
	if got := b.text("#shown"); !strings.HasPrefix(got, prefix) {
		b.t.Errorf("shown: %q, want it to begin with %q", got, prefix)
	}
}

// column reads one column of the rows in sight.
func (b *browser) column(n int) []string {
	b.t.Helper()
	return value[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("#window .row")].map(r => r.children[%d].innerText)`, n))
}

// filters uses each filter, and all together.
func (b *browser) filters(w *incident) {
	t := b.t
	t.Helper()
	only := func(column int, want string) {
		t.Helper()
		cells := b.column(column)
		for _, cell := range cells {
			if cell != want {
				t.Errorf("column %d shows %q, want only %q", column, cell, want)
				break
			}
		}
		if len(cells) == 0 {
			t.Errorf("nothing shows %q", want)
		}
	}
	b.choose("class", "CONFLICT")
	b.shownIs(fmt.Sprintf("%d of 954 transactions", w.conflicts))
	only(2, "CONFLICT")
	b.run(`document.getElementById("explorer").scrollIntoView()`)
	b.shot("conflicts-954")
	b.choose("table", "shop.orders")
	only(4, "shop.orders")
	only(2, "CONFLICT")
	b.choose("class", "")
	only(4, "shop.orders")
	b.choose("table", "")
	b.choose("acknowledged", "no")
	only(3, "no")
	b.choose("acknowledged", "")
	b.choose("class", "person")
	b.shownIs("44 of 954 transactions")
	b.choose("class", "")
	b.press("/")
	b.typed(uuid + ":500")
	b.shownIs("1 of 954 transactions")
	b.press("Escape")
	b.shownIs("954 of 954 transactions")
	b.run(`document.querySelector('#tables a[href="#table=shop.orders&class=CONFLICT"]').click()`)
	b.until(`document.getElementById("class").value === "CONFLICT" && document.getElementById("table").value === "shop.orders"`)
	only(2, "CONFLICT")
	b.run(`document.querySelector('#filters button').click()`)
	b.shownIs("954 of 954 transactions")
}

// detail looks at the images of a conflict.
func (b *browser) detail() {
	t := b.t
	t.Helper()
	b.choose("class", "CONFLICT")
	b.until(`document.querySelector("#images") !== null`)
	if got := b.text("#images thead"); got != "column before after (old side) live (new primary)" {
		t.Errorf("images: %s", got)
	}
	marks := value[[]string](b, `[...document.querySelectorAll("#images tbody tr")].filter(r => r.querySelector(".changed")).map(r =>
		[...r.children].map(c => c.className + ":" + (c.innerText.startsWith("#") ? "hash" : c.innerText)).join(" "))`)
	if len(marks) != 1 || marks[0] != ":state :hash changed:hash other:hash" {
		t.Errorf("changed: %q", marks)
	}
	b.run(`document.getElementById("explorer").scrollIntoView()`)
	visible := value[bool](b, `(() => { const r = document.querySelector("#images td.other").getBoundingClientRect(), p = document.getElementById("detail").getBoundingClientRect();
		return r.width > 60 && r.left >= p.left && r.right <= p.right + 1 && r.top >= 0 && r.bottom <= innerHeight })()`)
	if !visible {
		t.Error("the live column is out of sight")
	}
	b.shot("detail-954")
	b.choose("class", "")
}

// keys goes through the list without a mouse.
func (b *browser) keys() {
	t := b.t
	t.Helper()
	b.run(`document.getElementById("list").focus()`)
	for _, step := range []struct{ key, want string }{
		{"Home", "r0"}, {"ArrowDown", "r1"}, {"ArrowDown", "r2"}, {"ArrowUp", "r1"}, {"Home", "r0"},
	} {
		b.press(step.key)
		if got := value[string](b, `document.querySelector(".row.picked")?.id ?? ""`); got != step.want {
			t.Errorf("%s leads to %q, want %q", step.key, got, step.want)
		}
	}
	b.press("End")
	last := value[int](b, `Number(document.querySelector(".row.picked").getAttribute("aria-rowindex")) - Number(document.getElementById("list").getAttribute("aria-rowcount"))`)
	if last != 0 || !value[bool](b, `document.querySelector("#detail").innerText.includes("undecodable")`) {
		t.Errorf("End leads %d rows before the last; detail %s", -last, b.text("#detail"))
	}
	b.shot("undecodable-954")
	b.press("Home")
}

// readable looks at the page in the dark, on a narrow screen and without JavaScript.
func (b *browser) readable() {
	t := b.t
	t.Helper()
	color := `getComputedStyle(document.body).color + getComputedStyle(document.getElementById("filters")).backgroundColor`
	light := value[string](b, color)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	if dark := value[string](b, color); dark == light {
		t.Errorf("the dark page has the colours of the light one: %s", dark)
	}
	b.shot("dark-954")
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 700, "height": 1100, "deviceScaleFactor": 1, "mobile": false}, nil)
	if wide := value[float64](b, `document.documentElement.scrollWidth`); wide > 700 {
		t.Errorf("a narrow screen scrolls sideways: %v", wide)
	}
	b.shot("narrow-954")
	b.call("Emulation.clearDeviceMetricsOverride", nil, nil)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.call("Page.reload", nil, nil)
	b.until(`document.readyState === "complete" && document.documentElement.dataset.ready === undefined`)
	if got := b.text("h1"); !strings.HasPrefix(got, "954 transactions") {
		t.Errorf("without JavaScript: %q", got)
	}
	if got := b.text("body"); !strings.Contains(got, "shop.orders") || !strings.Contains(got, "needs JavaScript") || strings.Contains(got, `"p":[`) {
		t.Errorf("without JavaScript: %s", got)
	}
	b.shot("noscript-954")
}

func TestBrowserLoads100000Rows(t *testing.T) {
	w := newIncident(100_000)
	dir, _ := written(t, w.input())
	b := startBrowser(t)
	load(b, pageOf(t, dir, false))
	b.shownIs("100,000 of 100,000 transactions, ")
	if n := value[int](b, `document.querySelectorAll("#window .row").length`); n == 0 || n > 200 {
		t.Errorf("%d rows exist; those in sight do", n)
	}
	t.Logf("a filter takes %.0f ms, a search %.0f ms", value[float64](b, timed(`kind.value = "CONFLICT"; kind.dispatchEvent(new Event("change"))`)),
		value[float64](b, timed(`kind.value = ""; kind.dispatchEvent(new Event("change")); find.value = ":9999"; find.dispatchEvent(new Event("input"))`)))
	b.shownIs("11 of 100,000 transactions")
	b.run(`document.querySelector('#filters button').click()`)
	b.run(`document.getElementById("list").focus()`)
	b.press("End")
	if last := value[string](b, `document.querySelector(".row.picked").getAttribute("aria-rowindex")`); last != value[string](b, `document.getElementById("list").getAttribute("aria-rowcount")`) {
		t.Errorf("End leads to row %s", last)
	}
	b.shot("end-100000")
}

func timed(script string) string {
	return `(() => { const kind = document.getElementById("class"), find = document.getElementById("find"), t = performance.now(); ` + script + `; return performance.now() - t })()`
}

// TestBrowserRunsNothingFromData: what is hostile in values and names is shown and nothing else.
func TestBrowserRunsNothingFromData(t *testing.T) {
	dir, _ := written(t, input())
	b := startBrowser(t)
	load(b, pageOf(t, dir, true))
	if n := value[int](b, `document.scripts.length`); n != 4 {
		t.Errorf("%d scripts", n)
	}
	b.run(`document.getElementById("list").focus()`)
	b.press("Home")
	if got := b.text("#images"); !strings.Contains(got, "</script><script>alert(1)</script>") {
		t.Errorf("the value is not shown as it is: %s", got)
	}
	if len(b.complaints) > 0 {
		t.Errorf("complaints: %v", b.complaints)
	}
	b.shot("hostile")
}

// pages serves the page of one report.
type pages struct{ dir string }

// Copy implements api.Reports.
func (p pages) Copy(_ context.Context, w io.Writer, _ string, _ api.ReportPart, reveal bool) error {
	return report.WriteHTML(w, p.dir, reveal)
}

// TestBrowserShowsThePageFromTheAPI: what the API lets a browser do is enough for the page, and no more.
func TestBrowserShowsThePageFromTheAPI(t *testing.T) {
	dir, s := written(t, newIncident(954).input())
	world := apitest.New()
	world.Change(apitest.Cluster, func(c *fsm.Cluster) { c.State.Divergences = []failover.Divergence{apitest.SampleReport()} })
	cfg := world.Config()
	cfg.Reports, cfg.Logger = pages{dir}, slog.New(slog.DiscardHandler)
	front := httptest.NewServer(api.New(cfg).Handler())
	t.Cleanup(front.Close)
	b := startBrowser(t)
	b.call("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Authorization": "Bearer " + apitest.Viewer}}, nil)
	b.call("Page.navigate", map[string]any{"url": front.URL + "/v1/reports/" + apitest.Report + "/html"}, nil)
	b.until(`document.documentElement.dataset.ready !== undefined`)
	if got := b.text("h1"); got != s.Sentence {
		t.Errorf("on top: %q", got)
	}
	b.choose("class", "CONFLICT")
	b.shownIs("20 of 954 transactions")
	if origin := value[string](b, `self.origin`); origin != "null" {
		t.Errorf("the page acts as %s: it could ask the API", origin)
	}
	if len(b.complaints) > 0 {
		t.Errorf("complaints: %v", b.complaints)
	}
}
