package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/diff"
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
	only     bool
	prefixes map[string]int
	// prefix is that of the last GTID.
	prefix   gtidPrefix
	forms    map[string]int
	last     map[diff.Name]*pageForm
	index    pageIndex
	detail   pageDetail
	images   pageImages
	scratch  []byte
	chunk    int
	rows     int
	bytes    int
	omitted  int
	skip     bool
	inOpen   int
	passed   int
	numbered int
}

// pageIndex and pageDetail are the items of a chunk, with commas between.
type pageIndex struct{ prefixes, forms, transactions, rows []byte }

type pageDetail struct{ transactions, rows []byte }

// gtidPrefix is what a GTID begins with, and its number.
type gtidPrefix struct {
	uuid, tag string
	number    int
}

// pageForm is a table together with the columns that its images have.
type pageForm struct {
	columns []string
	number  int
}

func newPageData(w io.Writer, only bool) *pageData {
	return &pageData{w: w, only: only, prefixes: map[string]int{}, forms: map[string]int{}, last: map[diff.Name]*pageForm{}}
}

// next begins another item of a list.
func next(list []byte) []byte {
	if len(list) > 0 {
		list = append(list, ',')
	}
	return append(list, '[')
}

func (d *pageData) begin(tx Transaction) (err error) {
	d.inOpen = 0
	d.skip = d.only && !tx.Class.NeedsPerson() || d.full()
	if d.skip {
		d.omitted++
		return errSkip
	}
	d.numbered++
	index := appendInts(next(d.index.transactions), int64(d.prefixOf(tx.GTID)))
	index = strconv.AppendUint(append(index, ','), tx.GTID.Seq, 10)
	index = appendInts(append(index, ','), tx.CommittedAt.UnixMicro(), int64(tx.Class),
		int64(slices.Index([]string{toldYes, toldNo, toldUnknown}, tx.Acknowledged)), int64(len(tx.Undecodable)))
	d.index.transactions = append(index, ']')

	detail := append(appendText(next(d.detail.transactions), tx.Reason), ",["...)
	for i, s := range tx.Statements {
		if i > 0 {
			detail = append(detail, ',')
		}
		detail = append(appendText(append(detail, '['), s.Schema), ',')
		detail = append(appendCut(detail, []byte(s.Text)), ']')
	}
	detail, err = appendRare(append(detail, "],"...), tx.Undecodable)
	d.detail.transactions = append(detail, ']')
	return err
}

// appendInts appends numbers with commas between.
func appendInts(dst []byte, all ...int64) []byte {
	for i, n := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return dst
}

// full says that the page holds as much as a page should.
func (d *pageData) full() bool { return d.rows >= pageRows || d.bytes >= pageBytes }

func (d *pageData) row(_ Transaction, row Row) (err error) {
	if d.full() {
		d.passed++
		return errSkip
	}
	form := d.form(row)
	index := appendInts(next(d.index.rows), int64(d.numbered-1), int64(form.number))
	index = append(appendText(append(index, ','), row.Op[:min(1, len(row.Op))]), ',')
	index = append(appendInts(index, int64(row.Class)), ',')
	d.scratch = appendKey(d.scratch[:0], row.Key)
	d.index.rows = append(appendCut(index, d.scratch), ']')

	detail := append(appendText(next(d.detail.rows), row.Reason), ',')
	if row.Counterpart == nil {
		detail = append(detail, `""`...)
	} else {
		detail = appendGTID(detail, *row.Counterpart)
	}
	detail = d.images.append(detail, form.columns, row)
	if row.Proposal == nil {
		detail = append(detail, ",null"...)
	} else {
		detail, err = appendRare(append(detail, ','), proposed(row.Proposal))
	}
	d.detail.rows = append(detail, ']')
	d.added()
	return joined(err, d.flushIf(chunkRows))
}

func (d *pageData) end(tx Transaction, passed int) error {
	d.passed += passed
	if !d.skip && d.inOpen == 0 {
		index := appendInts(next(d.index.rows), int64(d.numbered-1), -1)
		index = appendInts(append(index, `,"",`...), int64(tx.Class))
		d.index.rows = append(index, `,""]`...)
		d.detail.rows = append(appendText(next(d.detail.rows), tx.Reason), `,"",null,null,null,null]`...)
		d.added()
	}
	return d.flushIf(chunkRows)
}

func (d *pageData) added() {
	d.chunk++
	d.rows++
	d.inOpen++
}

// pageChildren is how many row changes that would have to change with a proposal the page names.
const pageChildren = 100

func proposed(p *Proposal) any {
	children := [][5]string{}
	for _, c := range p.Children[:min(len(p.Children), pageChildren)] {
		key := cut(string(appendKey(nil, c.Key)))
		children = append(children, [5]string{c.GTID.String(), c.Schema + "." + c.Table, key, c.Column, c.ForeignKey})
	}
	return []any{p.Column, string(appendDisplay(nil, p.Value)), children, p.Referring}
}

func (d *pageData) prefixOf(g gtid.GTID) int {
	if g.UUID != d.prefix.uuid || g.Tag != d.prefix.tag || len(d.prefixes) == 0 {
		text := strings.TrimSuffix(g.String(), strconv.FormatUint(g.Seq, 10))
		d.prefix = gtidPrefix{g.UUID, g.Tag, number(d.prefixes, text, func() {
			if len(d.index.prefixes) > 0 {
				d.index.prefixes = append(d.index.prefixes, ',')
			}
			d.index.prefixes = appendText(d.index.prefixes, text)
		})}
	}
	return d.prefix.number
}

// form numbers a table together with the columns that its images have.
func (d *pageData) form(row Row) *pageForm {
	table := diff.Name{Schema: row.Schema, Table: row.Table}
	if last := d.last[table]; last != nil && last.fits(row) {
		return last
	}
	name, columns := row.Schema+"."+row.Table, columnsOf(row)
	form := &pageForm{columns: columns}
	form.number = number(d.forms, strings.Join(append([]string{name}, columns...), "\x00"), func() {
		list := append(appendText(next(d.index.forms), name), ',')
		list, _ = appendRare(list, columns) // Texts can always be spelled.
		d.index.forms = append(list, ']')
	})
	d.last[table] = form
	return form
}

// fits says that all images of a row have just the columns of the form.
func (f *pageForm) fits(row Row) bool {
	some := false
	for _, image := range []Image{row.Before, row.After, row.Live} {
		if image != nil && !image.has(f.columns) {
			return false
		}
		some = some || image != nil
	}
	return some
}

// has says that the image has these columns in this order, and no others.
func (m Image) has(columns []string) bool {
	if len(m) != len(columns) {
		return false
	}
	for i, f := range m {
		if f.Column != columns[i] {
			return false
		}
	}
	return true
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

// flushIf writes the chunk if it has so many rows.
func (d *pageData) flushIf(rows int) error {
	if d.chunk < rows {
		return nil
	}
	i := &d.index
	if err := d.write("index", `{"p":[`, i.prefixes, `],"f":[`, i.forms, `],"t":[`, i.transactions, `],"r":[`, i.rows, `]}`); err != nil {
		return err
	}
	err := d.write("detail", `{"t":[`, d.detail.transactions, `],"r":[`, d.detail.rows, `]}`)
	i.prefixes, i.forms, i.transactions, i.rows = i.prefixes[:0], i.forms[:0], i.transactions[:0], i.rows[:0]
	d.detail.transactions, d.detail.rows = d.detail.transactions[:0], d.detail.rows[:0]
	d.chunk = 0
	return err
}

// write adds a block of data, in which what could end it is escaped.
func (d *pageData) write(kind string, parts ...any) error {
	parts = slices.Concat([]any{`<script type="application/json" class="` + kind + `">`}, parts, []any{"</script>\n"})
	for _, part := range parts {
		n, err := fmt.Fprintf(d.w, "%s", part)
		d.bytes += n
		if err != nil {
			return fmt.Errorf("report: page: %w", err)
		}
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
	text, err := json.Marshal(map[string]any{"classes": classes, "omitted": d.omitted, "omittedRows": d.passed})
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	return d.write("end", text)
}
