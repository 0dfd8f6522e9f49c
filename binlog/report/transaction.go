package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Transaction is one line of the report.
type Transaction struct {
	GTID         gtid.GTID      `json:"gtid"`
	CommittedAt  time.Time      `json:"committed_at"`
	Class        classify.Class `json:"class"`
	Reason       string         `json:"reason"`
	Acknowledged string         `json:"acknowledged"`
	Rows         []Row          `json:"rows"`
	Statements   []Statement    `json:"statements,omitempty"`
}

// Row is one row change. Before, After and Live are nil where there is no row.
type Row struct {
	Schema      string         `json:"schema"`
	Table       string         `json:"table"`
	Op          string         `json:"op"`
	Key         Image          `json:"key"`
	Class       classify.Class `json:"class"`
	Reason      string         `json:"reason"`
	Before      Image          `json:"before"`
	After       Image          `json:"after"`
	Live        Image          `json:"live"`
	Counterpart *gtid.GTID     `json:"counterpart_gtid"`
}

// Statement is a change that was logged as text.
type Statement struct {
	Schema string `json:"schema"`
	Text   string `json:"text"`
}

// Image is a row as a JSON object that keeps the order of its columns.
type Image []Field

// Field is one column of an image.
type Field struct {
	Column string
	// Value is JSON.
	Value json.RawMessage
}

// MarshalJSON returns an object, or null for no row.
func (m Image) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	out := []byte{'{'}
	for i, f := range m {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(f.Column)
		if err != nil {
			return nil, fmt.Errorf("report: column %q: %w", f.Column, err)
		}
		out = append(append(append(out, name...), ':'), f.Value...)
	}
	return append(out, '}'), nil
}

// errImage is the error for an image that is no object.
var errImage = errors.New("report: an object of columns wanted")

// UnmarshalJSON is the inverse of MarshalJSON.
func (m *Image) UnmarshalJSON(text []byte) error {
	*m = nil
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errImage
	}
	*m = Image{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("report: image: %w", err)
		}
		f := Field{Column: fmt.Sprint(token)}
		if err := decoder.Decode(&f.Value); err != nil {
			return fmt.Errorf("report: image: %w", err)
		}
		*m = append(*m, f)
	}
	return nil
}

// lineOf converts a classified transaction.
func lineOf(tx classify.Transaction, acknowledged string) (Transaction, error) {
	out := Transaction{
		GTID: tx.GTID, CommittedAt: tx.CommittedAt, Class: tx.Class, Reason: tx.Reason,
		Acknowledged: acknowledged, Rows: []Row{},
	}
	for _, s := range tx.Statements {
		out.Statements = append(out.Statements, Statement{Schema: s.Schema, Text: strings.ToValidUTF8(s.Text, "\ufffd")})
	}
	for _, r := range tx.Rows {
		row, err := rowOf(r)
		if err != nil {
			return out, fmt.Errorf("report: %s: %w", tx.GTID, err)
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

func rowOf(r classify.Row) (Row, error) {
	names := columnNames(r)
	out := Row{
		Schema: r.Table.Schema, Table: r.Table.Name, Op: r.Op.String(), Key: Image{},
		Class: r.Class, Reason: r.Reason,
	}
	if (r.Counterpart != gtid.GTID{}) {
		out.Counterpart = &r.Counterpart
	}
	var errs [4]error
	out.Before, errs[0] = imageOf(names, r.Before)
	out.After, errs[1] = imageOf(names, r.After)
	out.Live, errs[2] = imageOf(names, r.Live)
	if key, keyNames := keyOf(r, names); len(key) > 0 {
		out.Key, errs[3] = imageOf(keyNames, key)
	}
	return out, errors.Join(errs[:]...)
}

// columnNames prefers the names of the log, then those of the new primary, then numbers.
func columnNames(r classify.Row) []string {
	names := make([]string, len(r.Table.Columns))
	for i, c := range r.Table.Columns {
		names[i] = c.Name
		if c.Name == "" && r.Definition != nil && len(r.Definition.Columns) == len(names) {
			names[i] = r.Definition.Columns[i].Name
		}
		if names[i] == "" {
			names[i] = fmt.Sprintf("@%d", i+1)
		}
	}
	return names
}

// keyOf returns the key of a row with its names: the one that the comparison used, or the one that the log describes.
func keyOf(r classify.Row, names []string) (key []decode.Value, keyNames []string) {
	columns := r.Table.PrimaryKey
	if len(r.Key) > 0 {
		columns = r.Definition.PrimaryKey
	}
	image := r.Before
	if image == nil {
		image = r.After
	}
	for i, column := range columns {
		if column >= len(names) || column >= len(image) {
			return nil, nil
		}
		keyNames = append(keyNames, names[column])
		if len(r.Key) > 0 {
			key = append(key, r.Key[i])
		} else {
			key = append(key, image[column])
		}
	}
	return key, keyNames
}

func imageOf(names []string, values []decode.Value) (Image, error) {
	if values == nil {
		return nil, nil
	}
	out := Image{}
	for i, v := range values {
		if v.Kind == decode.Absent || i >= len(names) {
			continue
		}
		text, err := jsonOf(v)
		if err != nil {
			return nil, err
		}
		out = append(out, Field{Column: names[i], Value: text})
	}
	return out, nil
}

// jsonOf shows a value: numbers as numbers, documents as documents, exact decimals and everything else as text, bytes
// that are no text in hexadecimal digits.
func jsonOf(v decode.Value) (json.RawMessage, error) {
	switch v.Kind {
	case decode.Absent, decode.Null:
		return json.RawMessage("null"), nil
	case decode.Integer, decode.Float, decode.JSON:
		if json.Valid([]byte(v.Text)) {
			return json.RawMessage(v.Text), nil
		}
	case decode.Binary:
		return json.Marshal("0x" + hex.EncodeToString([]byte(v.Text)))
	case decode.Decimal, decode.Time, decode.Text:
	}
	if !utf8.ValidString(v.Text) {
		return json.Marshal("0x" + hex.EncodeToString([]byte(v.Text)))
	}
	return json.Marshal(v.Text)
}
