package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// The data of a page comes in chunks, each of two parts: an index, which the page reads at once, and the details, which
// it reads when one of their rows is shown. Texts that repeat are numbered as they first appear.
//
//	index  {"p":[new GTID prefixes],"f":[new row forms: [table,[columns]]],
//	        "t":[[prefix,number,microseconds,class,acknowledged,undecodable]],"r":[[transaction,form,op,class,key]]}
//	detail {"t":[[reason,[[schema,statement]],[what is undecodable]]],"r":[[reason,counterpart,before,after,live,proposal]]}
//
// A proposal is null or [column,new value,[[GTID,table,key,column,foreign key]],number of these].
// A transaction without rows has one row that names no form. An image is null, or its values in the order of the
// form's columns: text, null for NULL, 0 for a column that the image lacks, 1 for the same as before, 2 for the same
// as after. A chunk counts transactions from the first of the page, so that its rows may be of an earlier one.
const chunkRows = 1000

// Values and texts of one column longer than this are cut on the page.
const pageValue = 4096

// pageData writes the data of a page as the transactions come.
type pageData struct {
	w io.Writer
	// only says to leave out what needs no person.
	only                      bool
	prefixes, forms           map[string]int
	index                     pageIndex
	detail                    pageDetail
	transactions, rows, bytes int
	omitted, omittedRows      int
	skip                      bool
	rowsOfOpen                int
}

type pageIndex struct {
	Prefixes     []string `json:"p"`
	Forms        []any    `json:"f"`
	Transactions []any    `json:"t"`
	Rows         []any    `json:"r"`
}

type pageDetail struct {
	Transactions []any `json:"t"`
	Rows         []any `json:"r"`
}

func newPageData(w io.Writer, only bool) *pageData {
	d := &pageData{w: w, only: only, prefixes: map[string]int{}, forms: map[string]int{}}
	d.reset()
	return d
}

func (d *pageData) reset() {
	d.index = pageIndex{Prefixes: []string{}, Forms: []any{}, Transactions: []any{}, Rows: []any{}}
	d.detail = pageDetail{Transactions: []any{}, Rows: []any{}}
}

func (d *pageData) begin(tx Transaction) error {
	d.rowsOfOpen = 0
	d.skip = d.only && !tx.Class.NeedsPerson() || d.rows >= pageRows || d.bytes >= pageBytes
	if d.skip {
		d.omitted++
		return errSkip
	}
	d.transactions++
	d.index.Transactions = append(d.index.Transactions, []any{
		d.prefix(tx.GTID), tx.GTID.Seq, tx.CommittedAt.UnixMicro(), int(tx.Class),
		slices.Index([]string{toldYes, toldNo, toldUnknown}, tx.Acknowledged), len(tx.Undecodable),
	})
	statements := [][2]string{}
	for _, s := range tx.Statements {
		statements = append(statements, [2]string{s.Schema, cut(s.Text)})
	}
	d.detail.Transactions = append(d.detail.Transactions, []any{tx.Reason, statements, tx.Undecodable})
	return nil
}

func (d *pageData) row(_ Transaction, row Row) error {
	if d.rows >= pageRows || d.bytes >= pageBytes {
		d.omittedRows++
		return errSkip
	}
	columns := columnsOf(row)
	d.add([]any{d.transactions - 1, d.form(row, columns), row.Op[:1], int(row.Class), cut(keyText(row.Key))},
		[]any{
			row.Reason, counterpart(row), imageText(columns, row.Before, nil, nil),
			imageText(columns, row.After, row.Before, nil), imageText(columns, row.Live, row.Before, row.After),
			proposed(row.Proposal),
		})
	return d.flushIf(chunkRows)
}

func (d *pageData) end(tx Transaction, passed int) error {
	d.omittedRows += passed
	if !d.skip && d.rowsOfOpen == 0 {
		d.add([]any{d.transactions - 1, -1, "", int(tx.Class), ""}, []any{tx.Reason, "", nil, nil, nil, nil})
	}
	return d.flushIf(chunkRows)
}

func (d *pageData) add(index, detail []any) {
	d.index.Rows = append(d.index.Rows, index)
	d.detail.Rows = append(d.detail.Rows, detail)
	d.rows++
	d.rowsOfOpen++
}

// pageChildren is how many row changes that would have to change with a proposal the page names.
const pageChildren = 100

func proposed(p *Proposal) any {
	if p == nil {
		return nil
	}
	children := [][5]string{}
	for _, c := range p.Children[:min(len(p.Children), pageChildren)] {
		children = append(children, [5]string{c.GTID.String(), c.Schema + "." + c.Table, cut(keyText(c.Key)), c.Column, c.ForeignKey})
	}
	return []any{p.Column, display(p.Value), children, p.Referring}
}

func counterpart(row Row) string {
	if row.Counterpart == nil {
		return ""
	}
	return row.Counterpart.String()
}

func (d *pageData) prefix(g gtid.GTID) int {
	prefix := strings.TrimSuffix(g.String(), strconv.FormatUint(g.Seq, 10))
	return number(d.prefixes, prefix, func() { d.index.Prefixes = append(d.index.Prefixes, prefix) })
}

// form numbers a table together with the columns that its images have.
func (d *pageData) form(row Row, columns []string) int {
	name := row.Schema + "." + row.Table
	return number(d.forms, strings.Join(append([]string{name}, columns...), "\x00"), func() {
		d.index.Forms = append(d.index.Forms, []any{name, columns})
	})
}

// number returns the number of a text, and calls fresh for one that has none yet.
func number(known map[string]int, text string, fresh func()) int {
	n, found := known[text]
	if !found {
		n = len(known)
		known[text] = n
		fresh()
	}
	return n
}

func (d *pageData) flushIf(rows int) error {
	if len(d.index.Rows) < rows {
		return nil
	}
	if err := d.write("index", d.index); err != nil {
		return err
	}
	err := d.write("detail", d.detail)
	d.reset()
	return err
}

// write adds a block of data. The encoder escapes what could end it.
func (d *pageData) write(kind string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	n, err := fmt.Fprintf(d.w, "<script type=\"application/json\" class=\"%s\">%s</script>\n", kind, text)
	d.bytes += n
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	return nil
}

// finish writes the rest, the names of the classes and what was left out.
func (d *pageData) finish() error {
	if err := d.flushIf(0); err != nil {
		return err
	}
	type class struct {
		Name   string `json:"name"`
		Person bool   `json:"person"`
	}
	classes := []class{{}}
	for _, c := range classify.Classes() {
		classes = append(classes, class{c.String(), c.NeedsPerson()})
	}
	return d.write("end", map[string]any{"classes": classes, "omitted": d.omitted, "omittedRows": d.omittedRows})
}

// columnsOf lists the columns of all images of a row, in order.
func columnsOf(row Row) []string {
	var out []string
	for _, image := range []Image{row.Before, row.After, row.Live} {
		at := 0
		for _, f := range image {
			i := slices.Index(out, f.Column)
			if i < 0 {
				i = at
				out = slices.Insert(out, i, f.Column)
			}
			at = i + 1
		}
	}
	return out
}

// Marks in an image instead of a value.
const (
	absentMark = iota
	sameAsBefore
	sameAsAfter
)

// imageText spells an image for the page, with marks for values that an earlier image has too.
func imageText(columns []string, image, before, after Image) any {
	if image == nil {
		return nil
	}
	out := make([]any, len(columns))
	for i, column := range columns {
		value := image.field(column)
		switch {
		case value == nil:
			out[i] = absentMark
		case string(value) == "null":
			out[i] = nil
		case string(before.field(column)) == string(value):
			out[i] = sameAsBefore
		case string(after.field(column)) == string(value):
			out[i] = sameAsAfter
		default:
			out[i] = cut(display(value))
		}
	}
	return out
}

// cut shortens a text for the page.
func cut(text string) string {
	if len(text) <= pageValue {
		return text
	}
	return strings.ToValidUTF8(text[:pageValue], "") + fmt.Sprintf(" … (%d bytes)", len(text))
}
