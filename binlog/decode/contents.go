package decode

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// contents reads what is in the transactions of a log and hands it to the visitor.
type contents struct {
	Splitter
	visitor Visitor
	// skipper is the visitor where it skips tables, else nil.
	skipper Skipper
	tables  tables
	change  Change
	images  [2]Image
	payload payload
	// stopped is the error of the visitor.
	stopped error
}

// tell says who takes what is read.
func (r *contents) tell(visitor Visitor) {
	r.visitor = visitor
	if skipper, ok := visitor.(Skipper); ok {
		r.skipper = skipper
	}
}

// event takes the next event.
func (r *contents) event(e Event) error {
	part, err := r.Add(e)
	if err != nil || part.Tx == nil {
		return err
	}
	r.change.Offset = r.offset - int64(len(e))
	switch {
	case part.First:
		err = r.begin(part.Tx)
	case e.Type() == payloadEvent:
		r.note(part.Tx, e, r.readPayload(part.Tx, bytes.NewReader(r.format.body(e))))
		err = r.stopped
	default:
		r.apply(part.Tx, e, r.format.body(e))
		err = r.stopped
	}
	if err != nil {
		return err
	}
	return r.end(part)
}

func (r *contents) begin(tx *Transaction) error {
	r.tables.forget()
	return r.stop(r.visitor.Begin(tx))
}

func (r *contents) end(part Part) error {
	if !part.Last {
		return nil
	}
	return r.stop(r.visitor.End(part.Tx))
}

// stop keeps the error of the visitor, which is none of the log.
func (r *contents) stop(err error) error {
	if err != nil {
		r.stopped = err
	}
	return err
}

// apply reads one event of a transaction. What cannot be read is noted there: the other events still count.
func (r *contents) apply(tx *Transaction, e Event, body []byte) {
	var err error
	switch e.Type() {
	case queryEvent:
		err = r.query(tx, body)
	case tableMapEvent:
		err = r.tables.add(body)
	case writeRowsV1, writeRowsV2, updateRowsV1, updateRowsV2, deleteRowsV1, deleteRowsV2, partialUpdate:
		err = r.rows(tx, e.Type(), body)
	case xaPrepareEvent:
		note(&tx.Opaque, "XA transaction")
	case xidEvent, rowsQueryEvent, contextEvent, viewChangeEvent:
		// The end of the transaction, comments, and what group replication certified.
	case intvarEvent, randEvent, userVarEvent:
		note(&tx.Opaque, "statement format")
	case beginLoadEvent, executeLoadEvent:
		note(&tx.Opaque, "LOAD DATA in statement format")
	case incidentEvent:
		note(&tx.Undecodable, "incident event: the server itself lost events here")
	default:
		if !e.ignorable() {
			note(&tx.Undecodable, fmt.Sprintf("event of unknown type %d", e.Type()))
		}
	}
	r.note(tx, e, err)
}

// note says on the transaction that an event could not be read, unless it was the visitor that failed.
func (r *contents) note(tx *Transaction, e Event, err error) {
	if err == nil || r.stopped != nil {
		return
	}
	text := fmt.Sprintf("event of type %d cannot be decoded", e.Type())
	var why reason
	if errors.As(err, &why) {
		text += ": " + string(why)
	}
	note(&tx.Undecodable, text)
}

// reason is an error that people can be told: it says what is not supported, and repeats no data.
type reason string

// Error returns the reason.
func (r reason) Error() string { return string(r) }

// note adds a reason once.
func note(reasons *[]string, reason string) {
	for _, known := range *reasons {
		if known == reason {
			return
		}
	}
	*reasons = append(*reasons, reason)
}

// query reads an event that carries a statement: a frame of the transaction, or a change logged as text.
func (r *contents) query(tx *Transaction, body []byte) error {
	schema, raw, err := queryText(body)
	if err != nil || string(raw) == "BEGIN" {
		return err
	}
	text := string(raw)
	word, rest, _ := strings.Cut(strings.ToUpper(text), " ")
	switch word {
	case "BEGIN", "COMMIT", "SAVEPOINT":
		return nil
	case "ROLLBACK":
		// It is logged only where a non-transactional engine took part, whose rows stay.
		note(&tx.Opaque, "rolled back in whole or in part")
		return nil
	case "XA":
		note(&tx.Opaque, "XA transaction")
		if !strings.HasPrefix(rest, "COMMIT") && !strings.HasPrefix(rest, "ROLLBACK") {
			return nil
		}
	default:
		note(&tx.Opaque, reasonOf(word))
	}
	return r.stop(r.visitor.Statement(tx, Statement{Schema: string(schema), Text: text}))
}

func reasonOf(word string) string {
	switch word {
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "WITH":
		return "statement format"
	}
	return "DDL"
}
