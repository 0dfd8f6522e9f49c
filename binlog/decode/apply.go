package decode

import (
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/replication"
)

// apply adds one event to the transaction. What it cannot read is noted there: the other events still count.
func (p *parser) apply(tx *Transaction, e Event) {
	var err error
	switch e.Type() {
	case queryEvent:
		err = p.query(tx, e)
	case tableMapEvent:
		err = p.table(e)
	case writeRowsV1, writeRowsV2, updateRowsV1, updateRowsV2, deleteRowsV1, deleteRowsV2:
		err = p.rows(tx, e)
	case partialUpdate:
		note(&tx.Opaque, partialJSON)
		err = p.rows(tx, e)
	case payloadEvent:
		err = p.payload(tx, e)
	case xaPrepareEvent:
		note(&tx.Opaque, "XA transaction")
	case xidEvent, rowsQueryEvent, contextEvent, viewChangeEvent, intvarEvent, randEvent, userVarEvent:
		// The end of the transaction, comments, and the context of a statement that is opaque itself.
	case beginLoadEvent, executeLoadEvent:
		note(&tx.Opaque, "LOAD DATA in statement format")
	case incidentEvent:
		note(&tx.Undecodable, "incident event: the server itself lost events here")
	default:
		if !e.ignorable() {
			note(&tx.Undecodable, fmt.Sprintf("event of unknown type %d", e.Type()))
		}
	}
	if err != nil {
		note(&tx.Undecodable, fmt.Sprintf("event of type %d cannot be decoded", e.Type()))
	}
}

// query reads an event that carries a statement: a frame of the transaction, or a change logged as text.
func (p *parser) query(tx *Transaction, e Event) error {
	parsed, err := p.parse(e)
	if err != nil {
		return err
	}
	event, ok := parsed.(*replication.QueryEvent)
	if !ok {
		return fmt.Errorf("decode: query event: %w", ErrCorrupt)
	}
	text := string(event.Query)
	word, rest, _ := strings.Cut(strings.ToUpper(text), " ")
	switch word {
	case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT":
		return nil
	case "XA":
		note(&tx.Opaque, "XA transaction")
		if !strings.HasPrefix(rest, "COMMIT") && !strings.HasPrefix(rest, "ROLLBACK") {
			return nil
		}
	default:
		note(&tx.Opaque, reasonOf(word))
	}
	tx.Statements = append(tx.Statements, Statement{Schema: string(event.Schema), Text: text})
	return nil
}

func reasonOf(word string) string {
	switch word {
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "WITH":
		return "statement format"
	}
	return "DDL"
}
