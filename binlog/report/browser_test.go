//go:build integration

package report_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// browser is a real browser without a window, with one page, driven by the DevTools protocol over two pipes.
type browser struct {
	t       *testing.T
	ctx     context.Context
	in      io.Writer
	out     *bufio.Reader
	session string
	id      int
	// requests are the addresses that pages asked for, complaints what the browser logged as an error.
	requests, complaints []string
}

// startBrowser starts the browser that REGENT_BROWSER names, or chromium. The test ends it.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	name := os.Getenv("REGENT_BROWSER")
	if name == "" {
		name = "chromium"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	args := []string{
		"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--no-first-run", "--disable-gpu",
		"--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--window-size=1600,1000",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // Root has none.
	}
	theirIn, ourOut := pipe(t)
	ourIn, theirOut := pipe(t)
	cmd := exec.CommandContext(ctx, name, append(args, "about:blank")...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; scripts/browser.sh installs one", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // It was killed.
	})
	for _, theirs := range []*os.File{theirIn, theirOut} {
		_ = theirs.Close()
	}
	context.AfterFunc(ctx, func() { _ = ourIn.Close() }) // Ends a read that waits.
	b := &browser{t: t, ctx: ctx, in: ourOut, out: bufio.NewReaderSize(ourIn, 1<<20)}
	var target struct {
		ID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": "about:blank", "width": 1600, "height": 1000, "newWindow": true}, &target)
	var attached struct {
		ID string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	b.session = attached.ID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(r.Close(), w.Close()) })
	return r, w
}

// message is one of the protocol.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// call asks the browser and waits for the answer.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	if err := b.ask(method, params, result); err != nil {
		b.t.Fatal(err)
	}
}

// ask is call for a question that the browser may refuse.
func (b *browser) ask(method string, params, result any) error {
	b.t.Helper()
	b.id++
	text, err := json.Marshal(message{ID: b.id, Session: b.session, Method: method, Params: params})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.read()
		if m.ID != b.id {
			continue
		}
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				return fmt.Errorf("%s: %w", method, err)
			}
		}
		return nil
	}
}

// read takes the next message, and notes what the page asks for and what the browser complains of.
func (b *browser) read() message {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser is gone: %v, %v", err, b.ctx.Err())
	}
	var event struct {
		Method string `json:"method"`
		Params struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
			Entry struct {
				Text string `json:"text"`
			} `json:"entry"`
			Exception struct {
				Text string `json:"text"`
			} `json:"exceptionDetails"`
		} `json:"params"`
	}
	var m message
	if err := errors.Join(json.Unmarshal(text[:len(text)-1], &m), json.Unmarshal(text[:len(text)-1], &event)); err != nil {
		b.t.Fatal(err)
	}
	switch event.Method {
	case "Network.requestWillBeSent":
		b.requests = append(b.requests, event.Params.Request.URL)
	case "Log.entryAdded":
		b.complaints = append(b.complaints, event.Params.Entry.Text)
	case "Runtime.exceptionThrown":
		b.complaints = append(b.complaints, event.Params.Exception.Text)
	}
	return m
}

// open loads a file and returns once it is loaded.
func (b *browser) open(path string) {
	b.t.Helper()
	b.requests, b.complaints = nil, nil
	b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	b.until(`document.readyState === "complete" && location.protocol === "file:"`)
}

// until waits for a condition. A page that is being loaded may have no document yet, or lose the one that was asked.
func (b *browser) until(condition string) {
	b.t.Helper()
	var holds bool
	var err error
	for b.ctx.Err() == nil {
		if holds, err = evaluate[bool](b, condition); holds && err == nil {
			return
		}
	}
	b.t.Fatalf("in vain: %s (%v)", condition, err)
}

// value evaluates an expression in the page.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	out, err := evaluate[T](b, expression)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// evaluate is value for an expression that may have none.
func evaluate[T any](b *browser, expression string) (out T, err error) {
	b.t.Helper()
	var reply struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err = b.ask("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &reply)
	switch {
	case err != nil:
	case reply.Exception != nil:
		err = fmt.Errorf("%s: %s %s", expression, reply.Exception.Text, reply.Exception.Exception.Description)
	case len(reply.Result.Value) > 0: // Undefined has none.
		err = json.Unmarshal(reply.Result.Value, &out)
	}
	return out, err
}

// run evaluates a statement in the page.
func (b *browser) run(statement string) {
	b.t.Helper()
	value[bool](b, "(() => { "+statement+"; return true })()")
}

// press presses a key and lets it go.
func (b *browser) press(key string) {
	b.t.Helper()
	codes := map[string]int{"ArrowDown": 40, "ArrowUp": 38, "PageDown": 34, "Home": 36, "End": 35, "Escape": 27, "Enter": 13, "Tab": 9}
	for _, kind := range []string{"keyDown", "keyUp"} {
		params := map[string]any{"type": kind, "key": key, "windowsVirtualKeyCode": codes[key]}
		if len(key) == 1 && kind == "keyDown" {
			params["text"] = key
		}
		b.call("Input.dispatchKeyEvent", params, nil)
	}
}

// typed types a text where the focus is.
func (b *browser) typed(text string) {
	b.t.Helper()
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// choose picks an option of a list as a person does.
func (b *browser) choose(id, option string) {
	b.t.Helper()
	b.run(fmt.Sprintf(`const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true}))`, id, option))
}

// text is what a person reads of the first element that matches.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(value[string](b, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))), " ")
}

// shot keeps a picture of the page where -results asks for it.
func (b *browser) shot(name string) {
	b.t.Helper()
	if *results == "" {
		return
	}
	var picture struct {
		Data string `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &picture)
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(*results, name+".png"), data, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
