package report_test

import (
	"fmt"
	"time"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/diff"
	"github.com/regentdb/regent/binlog/report"
	"github.com/regentdb/regent/gtid"
)

// incident makes transactions like those of a region that was cut off for 43 seconds, in 12 tables. Of 954, 820 are
// safe, 90 repeated and 44 a person's, two of them undecodable.
type incident struct {
	transactions int
	conflicts    int
	tables       []*decode.Table
	definitions  []*diff.Definition
}

// stride spreads the classes over the transactions; it is prime.
const stride = 389

func newIncident(transactions int) *incident {
	w := &incident{transactions: transactions}
	for _, name := range []string{
		"orders", "order_items", "payments", "users", "sessions", "issues", "comments", "labels", "pulls", "reviews", "hooks", "events",
	} {
		logged := &decode.Table{Schema: "shop", Name: name, PrimaryKey: []int{0}}
		defined := &diff.Definition{Name: diff.Name{Schema: "shop", Table: name}, PrimaryKey: []int{0}}
		for _, c := range []struct {
			name, sqlType, charset string
			kind                   decode.Kind
		}{
			{"id", "bigint", "", decode.Integer},
			{"user_id", "bigint", "", decode.Integer},
			{"state", "varchar", "utf8mb4", decode.Text},
			{"title", "varchar", "utf8mb4", decode.Text},
			{"total", "decimal", "", decode.Decimal},
			{"note", "varchar", "utf8mb4", decode.Text},
			{"created_at", "datetime", "", decode.Time},
			{"updated_at", "datetime", "", decode.Time},
		} {
			family := c.sqlType
			logged.Columns = append(logged.Columns, decode.Column{Name: c.name, Kind: c.kind, Family: family})
			defined.Columns = append(defined.Columns, diff.Column{Name: c.name, Type: c.sqlType, Charset: c.charset})
		}
		w.tables, w.definitions = append(w.tables, logged), append(w.definitions, defined)
	}
	for i := range transactions {
		if w.class(i) == classify.Conflict {
			w.conflicts++
		}
	}
	return w
}

// class of the transaction; Opaque is half DDL and half undecodable.
func (w *incident) class(i int) classify.Class {
	place := (i * stride) % w.transactions * 954 / w.transactions
	for _, quota := range []struct {
		class classify.Class
		n     int
	}{{classify.Conflict, 20}, {classify.Drift, 12}, {classify.UniqueCollision, 8}, {classify.Opaque, 4}, {classify.Already, 90}} {
		if place -= quota.n; place < 0 {
			return quota.class
		}
	}
	return classify.Safe
}

func (w *incident) row(i, n int, class classify.Class) classify.Row {
	table := (i + n) % len(w.tables)
	image := func(state string) []decode.Value {
		text := func(s string) decode.Value { return decode.Value{Kind: decode.Text, Text: s} }
		return []decode.Value{
			decode.IntegerValue(int64(100_000 + 7*i + n)), decode.IntegerValue(int64(i % 5000)), text(state), text(fmt.Sprintf("Title of %d", i)),
			{Kind: decode.Decimal, Text: fmt.Sprintf("%d.50", i%900)},
			decode.NullValue(), decode.TimeValue("2018-10-21 22:52:10"),
			decode.TimeValue("2018-10-21 22:52:11"),
		}
	}
	row := classify.Row{
		Row:        decode.Row{Op: decode.Update, Table: w.tables[table], Before: image("new"), After: image("paid")},
		Definition: w.definitions[table], Class: class, Reason: "untouched on the new primary", Live: image("new"),
	}
	row.Key = row.After[:1]
	switch {
	case class == classify.Conflict:
		row.Live, row.Reason = image("void"), "update-update: the new primary changed the row too"
		row.Counterpart = gtid.GTID{UUID: "4d22fb58-82db-22f2-af44-d91bb0530673", Seq: uint64(i + 1)}
	case class == classify.Already:
		row.Live, row.Reason = row.After, "the new primary made the same change"
	case class == classify.Drift:
		row.Live, row.Reason = nil, "the live row is not the row before the divergence"
	case class == classify.UniqueCollision:
		row.Reason = "another row holds the same value of unique key title"
	case i%3 == 1:
		row.Op, row.Before, row.Live = decode.Insert, nil, nil
	case i%17 == 1:
		row.Op, row.After = decode.Delete, nil
	}
	return row
}

func (w *incident) transaction(i int) classify.Transaction {
	tx := classify.Transaction{
		GTID: gtid.GTID{UUID: uuid, Seq: uint64(i + 1)}, Class: w.class(i),
		CommittedAt: at(3).Add(43 * time.Second * time.Duration(i) / time.Duration(max(1, w.transactions-1))),
	}
	if tx.Class == classify.Opaque {
		tx.Reason = "a statement, not rows"
		tx.Statements = []decode.Statement{{Schema: "shop", Text: "ALTER TABLE shop.hooks ADD COLUMN secret INT"}}
		if i%2 == 0 {
			tx.Undecodable = []string{"an event of the transaction is torn"}
		}
		return tx
	}
	rows := 1
	if w.transactions < 10_000 {
		rows = 1 + i%3
	}
	for n := range rows {
		tx.Rows = append(tx.Rows, w.row(i, n, tx.Class))
	}
	tx.Reason = tx.Rows[0].Reason
	return tx
}

func (w *incident) input() report.Input {
	in := input()
	set := gtid.MustParse(fmt.Sprintf("%s:1-%d", uuid, w.transactions))
	in.Manifest.Captured, in.Manifest.Wanted, in.OldOnly, in.Manifest.Servers[0].Extra = set, set, set, set
	in.Common, in.NewOnly = gtid.MustParse("4d22fb58-82db-22f2-af44-d91bb0530673:1-20"), gtid.MustParse("4d22fb58-82db-22f2-af44-d91bb0530673:21-40")
	in.Acknowledged = func(id gtid.GTID) string {
		switch {
		case id.Seq%50 == 0:
			return "no"
		case id.Seq%20 == 0:
			return "unknown"
		}
		return "yes"
	}
	in.Transactions = nil
	for i := range w.transactions {
		in.Transactions = append(in.Transactions, w.transaction(i))
	}
	return in
}
