package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	Statements   []Statement    `json:"statements,omitempty"`
	// Undecodable says what of the transaction could not be read; its rows are those that could.
	Undecodable []string `json:"undecodable,omitempty"`
	Rows        []Row    `json:"rows"`
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
	// Proposal is there for rows of class AUTO_INCREMENT.
	Proposal *Proposal `json:"proposal,omitempty"`
	// Encoded names, as image.column, the values whose JSON is not what the type of their column says: text that is no
	// UTF-8, in hexadecimal digits, and the JSON document null.
	Encoded []string `json:"encoded,omitempty"`
}

// Statement is a change that was logged as text.
type Statement struct {
	Schema string `json:"schema"`
	Text   string `json:"text"`
}

// headOf converts a classified transaction without its rows.
func headOf(tx classify.Transaction, acknowledged string) Transaction {
	out := Transaction{
		GTID: tx.GTID, CommittedAt: tx.CommittedAt, Class: tx.Class, Reason: tx.Reason, Acknowledged: acknowledged,
		Undecodable: tx.Undecodable,
	}
	if len(tx.Undecodable) > 0 {
		out.Class = classify.Opaque
		if out.Reason == "" {
			out.Reason = tx.Undecodable[0]
		}
	}
	for _, s := range tx.Statements {
		out.Statements = append(out.Statements, Statement{Schema: s.Schema, Text: strings.ToValidUTF8(s.Text, "\ufffd")})
	}
	return out
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
	var errs [5]error
	var odd [3][]string
	out.Before, odd[0], errs[0] = imageOf(beforeImage, names, r.Before)
	out.After, odd[1], errs[1] = imageOf(afterImage, names, r.After)
	out.Live, odd[2], errs[2] = imageOf(liveImage, names, r.Live)
	out.Encoded = slices.Concat(odd[:]...)
	out.Proposal, errs[4] = proposalOf(r.Proposal)
	if key, keyNames := keyOf(r, names); len(key) > 0 {
		out.Key, _, errs[3] = imageOf("key", keyNames, key)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return out, fmt.Errorf("%s.%s: %w", out.Schema, out.Table, err)
	}
	return out, nil
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
