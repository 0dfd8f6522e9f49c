package report

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// rowReader reads rows that are spelled as lineWriter spells them, where they lie. Others it leaves to encoding/json.
type rowReader struct {
	text    []byte
	at      int
	failed  bool
	known   map[string]string
	classes map[string]classify.Class
	images  [4]Image
	// names are those of the columns of the images, with their spelling.
	names [4][]name
	// reason is the last one.
	reason      name
	gtids       gtidReader
	counterpart gtid.GTID
}

// name is a text with its spelling, quotes included.
type name struct{ spelled, text string }

// knownNames is how many names are remembered.
const knownNames = 4096

func newRowReader() *rowReader {
	r := &rowReader{known: map[string]string{}, classes: map[string]classify.Class{}}
	for _, class := range classify.Classes() {
		r.classes[`"`+class.String()+`"`] = class
	}
	for i := range r.images {
		r.images[i] = Image{}
	}
	return r
}

// read reads the row that begins the text, without its opening brace, and says how long it is; 0 where it is spelled
// otherwise or not all there. Its images are valid until the next call, their values as long as the text.
func (r *rowReader) read(text []byte) (row Row, size int) {
	r.text, r.at, r.failed = text, 0, false
	row.Schema = r.word(`"schema":`)
	row.Table = r.word(`,"table":`)
	row.Op = r.word(`,"op":`)
	row.Key = r.image(`,"key":`, 0)
	row.Class = r.class(`,"class":`)
	row.Reason = r.prose(`,"reason":`)
	row.Before = r.image(`,"before":`, 1)
	row.After = r.image(`,"after":`, 2)
	row.Live = r.image(`,"live":`, 3)
	row.Counterpart = r.transaction(`,"counterpart_gtid":`)
	r.rare(`,"proposal":`, &row.Proposal)
	r.rare(`,"encoded":`, &row.Encoded)
	if r.literal("}"); r.failed {
		return Row{}, 0
	}
	return row, r.at
}

// literal passes over what must come next.
func (r *rowReader) literal(text string) {
	if r.failed = !r.follows(text); !r.failed {
		r.at += len(text)
	}
}

func (r *rowReader) follows(text string) bool {
	return !r.failed && len(r.text)-r.at >= len(text) && string(r.text[r.at:r.at+len(text)]) == text
}

// quoted returns the spelling of the text that comes next.
func (r *rowReader) quoted(before string) []byte {
	if r.literal(before); r.failed || r.at >= len(r.text) || r.text[r.at] != '"' {
		r.failed = true
		return nil
	}
	from := r.at
	if r.at = textEnded(r.text, from); r.at < 0 {
		r.failed = true
		return nil
	}
	return r.text[from:r.at]
}

// word reads a text that comes often.
func (r *rowReader) word(before string) string {
	spelled := r.quoted(before)
	if text, found := r.known[string(spelled)]; found || r.failed {
		return text
	}
	text := r.unquoted(spelled)
	if len(r.known) < knownNames {
		r.known[string(spelled)] = text
	}
	return text
}

func (r *rowReader) unquoted(spelled []byte) string {
	text, err := textOf(spelled)
	r.failed = r.failed || err != nil
	return text
}

// prose reads a text that may be another each time.
func (r *rowReader) prose(before string) string {
	if spelled := r.quoted(before); !r.failed && string(spelled) != r.reason.spelled {
		r.reason = name{string(spelled), r.unquoted(spelled)}
	}
	return r.reason.text
}

func (r *rowReader) class(before string) classify.Class {
	class, found := r.classes[string(r.quoted(before))]
	r.failed = r.failed || !found
	return class
}

func (r *rowReader) transaction(before string) *gtid.GTID {
	if r.literal(before); r.follows("null") {
		r.literal("null")
		return nil
	}
	spelled := r.quoted("")
	if r.failed {
		return nil
	}
	g, ok := r.gtids.read(spelled)
	r.failed = !ok
	r.counterpart = g
	return &r.counterpart
}

// rare reads a member that few rows have.
func (r *rowReader) rare(before string, to any) {
	if r.failed || !r.follows(before) {
		return
	}
	r.literal(before)
	from := r.at
	if r.at = ended(r.text, from, 0); r.at < 0 || json.Unmarshal(r.text[from:r.at], to) != nil {
		r.failed = true
	}
}

// image reads one of the images.
func (r *rowReader) image(before string, i int) Image {
	if r.literal(before); r.failed {
		return nil
	}
	if r.follows("null") {
		r.literal("null")
		return nil
	}
	out := r.images[i][:0]
	for r.literal("{"); !r.failed && !r.follows("}"); {
		if len(out) > 0 {
			r.literal(",")
		}
		column := r.column(i, len(out))
		from := r.at
		if r.failed {
			break
		}
		if r.at = ended(r.text, from, 0); r.at < 0 {
			r.failed = true
			break
		}
		out = append(out, Field{Column: column, Value: json.RawMessage(r.text[from:r.at:r.at])})
	}
	r.literal("}")
	r.images[i] = out
	return out
}

// column reads the name of the n-th column of an image, which is mostly that of the row before.
func (r *rowReader) column(i, n int) string {
	if n < len(r.names[i]) && r.follows(r.names[i][n].spelled) {
		r.literal(r.names[i][n].spelled)
		r.literal(":")
		return r.names[i][n].text
	}
	from := r.at
	text := r.word("")
	if !r.failed {
		r.names[i] = append(r.names[i][:n], name{string(r.text[from:r.at]), text})
	}
	r.literal(":")
	return text
}

// gtidReader reads GTIDs, which are mostly of one server.
type gtidReader struct{ last gtid.GTID }

// read reads a GTID in quotes; false where that is to be left to encoding/json.
func (p *gtidReader) read(spelled []byte) (gtid.GTID, bool) {
	if len(spelled) < 2 || spelled[0] != '"' || spelled[len(spelled)-1] != '"' || bytes.IndexByte(spelled, '\\') >= 0 {
		return gtid.GTID{}, false
	}
	text := spelled[1 : len(spelled)-1]
	if digits, found := p.after(text); found && digits[0] != '0' {
		if seq, err := strconv.ParseUint(string(digits), 10, 63); err == nil && seq <= gtid.MaxSeq {
			p.last.Seq = seq
			return p.last, true
		}
	}
	g, err := gtid.ParseGTID(string(text))
	if err != nil {
		return g, false
	}
	p.last = g
	return g, true
}

// after returns the number of a GTID of the last server and tag.
func (p *gtidReader) after(text []byte) (digits []byte, found bool) {
	for _, part := range []string{p.last.UUID, p.last.Tag} {
		if part == "" {
			continue
		}
		if text, found = bytes.CutPrefix(text, []byte(part)); !found || len(text) == 0 || text[0] != ':' {
			return nil, false
		}
		text = text[1:]
	}
	return text, p.last.UUID != "" && digitsEnded(text, 0) == len(text)
}
