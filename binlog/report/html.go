package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/classify"
)

//go:embed page.html.tmpl
var pageSource string

// pageLimit is how many transactions a page shows; beyond it a browser is no help.
const pageLimit = 2000

// page is what the template sees.
type page struct {
	Summary
	Shown    []pageTransaction
	Omitted  int
	Classes  []string
	Revealed bool
}

type pageTransaction struct {
	Transaction
	At     string
	Tables string
	Rows   []pageRow
}

type pageRow struct {
	Row
	KeyText string
	Columns []pageColumn
}

// pageColumn is one column side by side; Differs marks what the old side changed.
type pageColumn struct {
	Name, Before, After, Live string
	Differs                   bool
}

// WriteHTML writes the report as one page without any outside resource, with values only where reveal says so.
func WriteHTML(w io.Writer, dir string, reveal bool) error {
	summary, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	p := page{Summary: summary, Revealed: reveal}
	for _, class := range classify.Classes() {
		if summary.ByClass[class.String()] > 0 {
			p.Classes = append(p.Classes, class.String())
		}
	}
	for tx, err := range Transactions(dir, reveal) {
		if err != nil {
			return err
		}
		if len(p.Shown) == pageLimit {
			p.Omitted++
			continue
		}
		p.Shown = append(p.Shown, pageOf(tx))
	}
	t, err := template.New("report").Parse(pageSource)
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	return nil
}

func pageOf(tx Transaction) pageTransaction {
	out := pageTransaction{Transaction: tx, At: tx.CommittedAt.UTC().Format(time.RFC3339Nano)}
	tables := map[string]bool{}
	for _, row := range tx.Rows {
		tables[row.Schema+"."+row.Table] = true
		out.Rows = append(out.Rows, pageRow{Row: row, KeyText: keyText(row.Key), Columns: columnsOf(row)})
	}
	out.Tables = strings.Join(slices.Sorted(maps.Keys(tables)), " ")
	return out
}

func keyText(key Image) string {
	parts := make([]string, 0, len(key))
	for _, f := range key {
		parts = append(parts, f.Column+"="+display(f.Value))
	}
	return strings.Join(parts, ", ")
}

// columnsOf lines up the images by column.
func columnsOf(row Row) []pageColumn {
	widest := row.Before
	for _, image := range []Image{row.After, row.Live} {
		if len(image) > len(widest) {
			widest = image
		}
	}
	out := make([]pageColumn, 0, len(widest))
	for _, f := range widest {
		c := pageColumn{
			Name: f.Column, Before: row.Before.show(f.Column), After: row.After.show(f.Column), Live: row.Live.show(f.Column),
		}
		c.Differs = c.Before != c.After
		out = append(out, c)
	}
	return out
}

func (m Image) show(column string) string {
	for _, f := range m {
		if f.Column == column {
			return display(f.Value)
		}
	}
	return ""
}

// display shows text without its quotes and everything else as JSON.
func display(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && string(value) != "null" {
		return text
	}
	return string(value)
}
