package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/regentdb/regent/api"
)

// Output formats.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// console is what all commands share: the streams, the environment and the flags that may stand
// anywhere on the line.
type console struct {
	in          io.Reader
	out, errs   io.Writer
	env         func(string) string
	terminal    bool // out is a terminal
	interactive bool // a person can be asked

	format    string
	api       string
	tokenFile string
	caFile    string
}

// style is the output format: as asked for, else a table for people and JSON for everything else.
func (c *console) style() (string, error) {
	switch c.format {
	case formatTable, formatJSON:
		return c.format, nil
	case "":
		if c.terminal {
			return formatTable, nil
		}
		return formatJSON, nil
	}
	return "", usage("-o %s is unknown; use table or json", c.format)
}

// show writes a value as JSON, or lets it be drawn.
func (c *console) show(value any, draw func(io.Writer) error) error {
	style, err := c.style()
	if err != nil {
		return err
	}
	if style == formatJSON {
		return writeJSON(c.out, value)
	}
	return draw(c.out)
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// client returns a client of the nodes that the flags or the environment name.
func (c *console) client() (*api.Client, error) {
	if _, err := c.style(); err != nil {
		return nil, err
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	urls := c.api
	if urls == "" {
		urls = c.env("REGENT_API")
	}
	cfg := api.ClientConfig{URLs: strings.Split(urls, ","), Token: token}
	if cfg.TLS, err = c.authorities(); err != nil {
		return nil, err
	}
	return api.NewClient(cfg)
}

// token is the first line of the token file, or REGENT_TOKEN.
func (c *console) token() (string, error) {
	if c.tokenFile == "" {
		if token := c.env("REGENT_TOKEN"); token != "" {
			return token, nil
		}
		return "", usage("no token is given; set REGENT_TOKEN, or name a file that holds it with --token-file")
	}
	b, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return "", fmt.Errorf("read the token: %w; correct --token-file", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", usage("the first line of %s is empty; it must be the token", c.tokenFile)
	}
	return line, nil
}

// authorities are whom to trust for https: those of a file, or the machine's.
func (c *console) authorities() (*tls.Config, error) {
	path := c.caFile
	if path == "" {
		path = c.env("REGENT_CA")
	}
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w; correct --ca-file", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("%s holds no PEM certificate; --ca-file takes that of the authority that signed the nodes' API certificates", path)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// ask puts a question to the person at the terminal; anything but yes is no.
func (c *console) ask(question string) bool {
	_, _ = fmt.Fprint(c.errs, question+" [y/N] ")
	line, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil && line == "" {
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// drawTable draws rows under a header, without lines, so that columns can be cut by tools.
func drawTable(w io.Writer, header []any, rows [][]any) error {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	t.SetStyle(style)
	t.AppendHeader(table.Row(header))
	for _, row := range rows {
		t.AppendRow(table.Row(row))
	}
	return printf(w, "%s\n", trimLines(t.Render()))
}

// trimLines removes the padding of the last column.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func printf(w io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintf(w, format, args...); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}
