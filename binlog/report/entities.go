package report

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/gtid"
)

// Entity is a row that the old side changed, however often, for telling those concerned.
type Entity struct {
	// Class is the worst of its changes, TransactionClass the worst of the transactions that they are part of.
	Class            classify.Class `json:"class"`
	TransactionClass classify.Class `json:"transaction_class"`
	Schema           string         `json:"schema"`
	Table            string         `json:"table"`
	// Key is empty for all rows of a table without a primary key.
	Key Image `json:"key"`
	// Acknowledged says whether a client was told of any of the changes: yes, no or unknown.
	Acknowledged string    `json:"acknowledged"`
	Changes      int       `json:"changes"`
	First        time.Time `json:"first_committed_at"`
	Last         time.Time `json:"last_committed_at"`
	LastGTID     gtid.GTID `json:"last_gtid"`
	// Proposal says how the row could be kept where its generated key is taken.
	Proposal *Proposal `json:"proposal,omitempty"`
}

// entityLimit is how many rows are told apart in memory; beyond it they are parted among files first.
const entityLimit = 500_000

// WriteEntitiesNDJSON writes the rows that a report names, one a line, by class. Keys are hashes unless they are revealed
// or harmless.
func WriteEntitiesNDJSON(w io.Writer, dir string, reveal bool) error {
	var line []byte
	return entities(dir, reveal, entityLimit, func(e Entity) (err error) {
		if line, err = e.append(line[:0]); err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		return err
	})
}

// append appends an entity as encoding/json spells it.
func (e *Entity) append(dst []byte) (_ []byte, err error) {
	dst, err = appendClass(append(dst, `{"class":`...), e.Class)
	if err != nil {
		return dst, err
	}
	dst, err = appendClass(append(dst, `,"transaction_class":`...), e.TransactionClass)
	if err != nil {
		return dst, err
	}
	dst = appendText(append(dst, `,"schema":`...), e.Schema)
	dst = appendText(append(dst, `,"table":`...), e.Table)
	dst = appendImage(append(dst, `,"key":`...), e.Key, false)
	dst = appendText(append(dst, `,"acknowledged":`...), e.Acknowledged)
	dst = strconv.AppendInt(append(dst, `,"changes":`...), int64(e.Changes), 10)
	dst, err = e.First.AppendText(append(dst, `,"first_committed_at":"`...))
	if err != nil {
		return dst, err
	}
	dst, err = e.Last.AppendText(append(dst, `","last_committed_at":"`...))
	if err != nil {
		return dst, err
	}
	dst = appendGTID(append(dst, `","last_gtid":`...), e.LastGTID)
	if e.Proposal != nil {
		dst, err = appendRare(append(dst, `,"proposal":`...), e.Proposal)
	}
	return append(dst, '}'), err
}

// WriteEntitiesCSV writes them as a table with a line of names.
func WriteEntitiesCSV(w io.Writer, dir string, reveal bool) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{
		"class", "transaction_class", "schema", "table", "key", "acknowledged", "changes", "first_committed_at",
		"last_committed_at", "last_gtid", "proposal",
	})
	if err == nil {
		err = entities(dir, reveal, entityLimit, func(e Entity) error {
			key, err := json.Marshal(e.Key)
			if err != nil {
				return err
			}
			proposal, err := proposalText(e.Proposal)
			if err != nil {
				return err
			}
			return out.Write([]string{
				e.Class.String(), e.TransactionClass.String(), cell(e.Schema), cell(e.Table), string(key), e.Acknowledged,
				strconv.Itoa(e.Changes), e.First.Format(time.RFC3339Nano), e.Last.Format(time.RFC3339Nano), e.LastGTID.String(), proposal,
			})
		})
	}
	out.Flush()
	return errors.Join(err, out.Error())
}

// cell keeps a spreadsheet from taking a name for a formula, and a terminal for a sequence.
func cell(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, name)
	if strings.HasPrefix(strings.TrimLeft(name, " "), "=") || strings.ContainsAny(name[:min(1, len(name))], "+-@") {
		return "'" + name
	}
	return name
}

// entities calls yield once for each row of the report. Where there may be more than limit, the changes are first
// parted among files by the hash of the key, so that the rows of each file fit.
func entities(dir string, reveal bool, limit int, yield func(Entity) error) error {
	s, err := ReadSummary(dir)
	if err != nil {
		return err
	}
	hide, err := readRedactor(dir, s.Harmless)
	if err != nil {
		return err
	}
	each := func(take func(Entity) error) error {
		return walkAll(dir, true, &changes{hide: hide, reveal: reveal, take: take})
	}
	if s.Arithmetic.RowChanges <= limit {
		return collect(each, yield)
	}
	return parted(dir, s.Arithmetic.RowChanges/limit+1, each, yield)
}

// changes makes an entity of every row change.
type changes struct {
	hide   *redactor
	reveal bool
	take   func(Entity) error
}

func (c *changes) begin(Transaction) error { return nil }

func (c *changes) row(tx Transaction, row Row) error {
	if !c.reveal {
		row.Before, row.After, row.Live = nil, nil, nil // Only the key is shown.
		row = c.hide.hide(row)
	}
	return c.take(Entity{
		Class: row.Class, TransactionClass: tx.Class, Schema: row.Schema, Table: row.Table, Key: row.Key,
		Acknowledged: tx.Acknowledged, Changes: 1, First: tx.CommittedAt, Last: tx.CommittedAt, LastGTID: tx.GTID, Proposal: row.Proposal,
	})
}

func (c *changes) end(Transaction, int) error { return nil }

// identity appends what names the row.
func (e *Entity) identity(dst []byte) []byte {
	dst = append(append(dst, e.Schema...), 0)
	dst = append(append(dst, e.Table...), 0)
	return appendImage(dst, e.Key, false)
}

// add merges a later change of the same row.
func (e *Entity) add(later Entity) {
	e.Class, e.TransactionClass = max(e.Class, later.Class), max(e.TransactionClass, later.TransactionClass)
	e.Changes += later.Changes
	if e.Proposal == nil {
		e.Proposal = later.Proposal
	}
	e.Last, e.LastGTID = later.Last, later.LastGTID
	switch {
	case e.Acknowledged == toldYes || later.Acknowledged == toldYes:
		e.Acknowledged = toldYes
	case e.Acknowledged != later.Acknowledged:
		e.Acknowledged = toldUnknown
	}
}

// collect merges the changes in memory and yields the rows, the worst class first.
func collect(each func(func(Entity) error) error, yield func(Entity) error) error {
	places := map[string]int{}
	var all []Entity
	var identity []byte
	err := each(func(e Entity) error {
		identity = e.identity(identity[:0])
		if i, known := places[string(identity)]; known {
			all[i].add(e)
			return nil
		}
		places[string(identity)] = len(all)
		e.Key = e.Key.clone()
		all = append(all, e)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(b.Class, a.Class), cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table))
	})
	for _, e := range all {
		if err := yield(e); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// parted does so one part after the other.
func parted(dir string, parts int, each func(func(Entity) error) error, yield func(Entity) error) (err error) {
	files := make([]*os.File, parts)
	writers := make([]*bufio.Writer, parts)
	defer func() {
		for _, f := range files {
			if f != nil {
				err = errors.Join(err, f.Close(), os.Remove(f.Name()))
			}
		}
	}()
	for i := range files {
		if files[i], err = os.CreateTemp(dir, ".entities-*"); err != nil { // CreateTemp gives it mode 0600.
			return fmt.Errorf("report: %w", err)
		}
		writers[i] = bufio.NewWriter(files[i])
	}
	var identity []byte
	err = each(func(e Entity) error {
		identity = e.identity(identity[:0])
		h := fnv.New32a()
		_, _ = h.Write(identity) // A hash never fails to take bytes.
		line, err := e.append(nil)
		if err != nil {
			return err
		}
		_, err = writers[int(h.Sum32())%parts].Write(append(line, '\n'))
		return err
	})
	for i := range files {
		if err == nil {
			err = writers[i].Flush()
		}
		if err == nil {
			err = collect(fileEntities(files[i]), yield)
		}
	}
	return err
}

// fileEntities reads back what one file holds.
func fileEntities(file *os.File) func(func(Entity) error) error {
	return func(take func(Entity) error) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		decoder := json.NewDecoder(bufio.NewReader(file))
		for {
			var e Entity
			err := decoder.Decode(&e)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("report: %w", err)
			}
			if err := take(e); err != nil {
				return err
			}
		}
	}
}
