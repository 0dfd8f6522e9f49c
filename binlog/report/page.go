package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/regentdb/regent/binlog/classify"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// What a page holds at most: beyond it a browser is no help, and the page says what it leaves out.
const (
	pageRows  = 250_000
	pageBytes = 160 << 20
)

// page is what the template sees.
type page struct {
	Summary
	Revealed     bool
	Style        template.HTML
	Policy       string
	ClassRows    []pageClass
	Undecodable  pageClass
	Used         []string
	Acknowledged []string
	// Only says that the page lists nothing but what needs a person.
	Only bool
}

// pageClass is a row of the table of classes.
type pageClass struct {
	Name, Meaning, Action string
	Transactions, Rows    int
	Yes, No, Unknown      int
}

// WriteHTML writes the report as one page without any outside resource, with values only where reveal says so.
func WriteHTML(w io.Writer, dir string, reveal bool) error { return writeHTML(w, dir, reveal, nil) }

func writeHTML(w io.Writer, dir string, reveal bool, tell func(Written)) error {
	s, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	p := pageOf(s, reveal)
	t, err := template.New("report").Parse(pageSource)
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	if err := t.Execute(out, p); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	data := newPageData(out, p.Only)
	if err := walkAll(dir, reveal, follow(tell, HTMLName, s).on(data, false)); err != nil {
		return err
	}
	if err := data.finish(); err != nil {
		return err
	}
	_, err = out.WriteString("<script>" + pageScript + "</script>\n</body>\n</html>\n")
	if err = joined(err, out.Flush()); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	return nil
}

// joined returns the first error.
func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func pageOf(s Summary, reveal bool) page {
	p := page{
		Summary: s, Revealed: reveal, Only: s.Arithmetic.RowChanges+s.Listed > pageRows,
		Style:        template.HTML("<style>" + pageStyle + "</style>"), //nolint:gosec // It is ours.
		Acknowledged: []string{toldYes, toldNo, toldUnknown},
		// No address, no plugin, no form, and no script or style but the two that are part of the page.
		Policy: "default-src 'none'; script-src " + hashSource(pageScript) + "; style-src " + hashSource(pageStyle) +
			"; base-uri 'none'; form-action 'none'",
	}
	for _, class := range slices.Backward(classify.Classes()) { // The worst first.
		name := class.String()
		row := pageClass{Name: name, Transactions: s.ByClass[name], Rows: s.Arithmetic.RowsByClass[name]}
		row.Meaning, row.Action = meaning(class)
		told := s.Arithmetic.ByClassAndAcknowledged[name]
		row.Yes, row.No, row.Unknown = told[toldYes], told[toldNo], told[toldUnknown]
		if row.Transactions+row.Rows > 0 {
			p.ClassRows = append(p.ClassRows, row)
			p.Used = append(p.Used, name)
		}
	}
	p.Undecodable = p.rest()
	if s.Unreadable > 0 && !slices.Contains(p.Used, classify.Opaque.String()) {
		p.Used = append(p.Used, classify.Opaque.String()) // What cannot be read is listed under it.
	}
	return p
}

// rest is what is in no class: the transactions that could not be read in full.
func (p page) rest() pageClass {
	told := p.Arithmetic.ByAcknowledged
	out := pageClass{Transactions: p.Unreadable, Yes: told[toldYes], No: told[toldNo], Unknown: told[toldUnknown]}
	for _, row := range p.ClassRows {
		out.Yes, out.No, out.Unknown = out.Yes-row.Yes, out.No-row.No, out.Unknown-row.Unknown
	}
	return out
}

// hashSource names an inline script or style in a content security policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
