package main

import (
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// shape is a log file that the server writes.
type shape struct {
	name, about string
	// share is its size as a part of the others'.
	share float64
	// write writes a part of the log.
	write func(ctx context.Context, db *sql.DB, round int) error
	// whole says that everything is one transaction.
	whole bool
}

// The names of logs.
const (
	narrow     = "narrow"
	wide       = "wide"
	small      = "small"
	compressed = "compressed"
	huge       = "huge"
	long       = "long"
)

func shapes() []shape {
	return []shape{
		{name: narrow, about: "narrow rows: inserts, updates and deletes of 6 columns, 100 to 2,000 rows each", share: 1, write: writeNarrow},
		{name: wide, about: "wide rows with JSON: updates of 28 columns, 3 of them JSON, 50 rows each", share: 1, write: writeWide},
		{name: small, about: "many small transactions: inserts of one narrow row", share: 1, write: writeSmall},
		{name: compressed, about: "compressed: 2,000 narrow inserts and 50 wide updates each", share: 0.25, write: writeCompressed},
		{name: huge, about: "one transaction of wide updates", share: 1, write: writeWide, whole: true},
	}
}

// schema are the statements that the tables come from.
func schema() []string {
	columns, values := "", ""
	for i := range 6 {
		columns += fmt.Sprintf(", n%d INT, v%d VARCHAR(400), t%d DATETIME, d%d DECIMAL(10,2)", i, i, i, i)
		values += fmt.Sprintf(", n * %d, CONCAT(LEFT(SHA2(n + %d, 256), 32), ' ', LEFT(SHA2(n * 3, 256), 32)), '2018-10-21 22:52:03' + INTERVAL n SECOND, n + 0.42", i+7, i)
	}
	for i := range 3 {
		columns += fmt.Sprintf(", j%d JSON", i)
		values += fmt.Sprintf(`, JSON_OBJECT('id', n, 'version', 1, 'place', %d, 'price', n / 100e0, 'name', LEFT(SHA2(n + %d, 256), 32),
 'tags', JSON_ARRAY('new', 'paid', 7, true, NULL), 'inner', JSON_OBJECT('street', LEFT(SHA2(n * 11, 256), 32), 'zip', '%d', 'at', 52.25e0, 'on', 1048576))`, i, i, 10000+i)
	}
	return []string{
		"DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", "CREATE TABLE shop.seq (n INT PRIMARY KEY)",
		"INSERT INTO shop.seq WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 999) SELECT n FROM s",
		"INSERT INTO shop.seq SELECT n + 1000 FROM shop.seq",
		"CREATE TABLE shop.orders (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, state TINYINT NOT NULL, " +
			"placed DATETIME NOT NULL, note VARCHAR(80) NOT NULL, reference BIGINT NOT NULL, UNIQUE KEY reference (reference))",
		"CREATE TABLE shop.events (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY" + columns + ")",
		"INSERT INTO shop.events SELECT NULL" + values + " FROM shop.seq",
		"CREATE PROCEDURE shop.many(base BIGINT, n INT) BEGIN WHILE n > 0 DO INSERT INTO shop.orders (customer, state, placed, note, reference) " +
			"VALUES (n * 7919 % 100000, n % 5, '2018-10-21 22:52:03' + INTERVAL n SECOND, CONCAT('order ', base + n), base + n); SET n = n - 1; END WHILE; END",
	}
}

const rowsOfSequence = 2000

func writeNarrow(ctx context.Context, db *sql.DB, round int) error {
	base := round * rowsOfSequence
	for _, statement := range []string{
		fmt.Sprintf("INSERT INTO shop.orders (customer, state, placed, note, reference) SELECT n * 7919 %% 100000, n %% 5, "+
			"'2018-10-21 22:52:03' + INTERVAL n SECOND, CONCAT('order ', %d + n), %d + n FROM shop.seq", base, base),
		fmt.Sprintf("UPDATE shop.orders SET state = state + 1 WHERE reference BETWEEN %d AND %d", base, base+499),
		fmt.Sprintf("DELETE FROM shop.orders WHERE reference BETWEEN %d AND %d", base+1900, base+1999),
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func updateWide(round int) string {
	from := round*50%rowsOfSequence + 1
	return fmt.Sprintf("UPDATE shop.events SET n0 = n0 + 1, v0 = LEFT(SHA2(CONCAT(id, %d), 256), 32), "+
		"j0 = JSON_SET(j0, '$.version', %d, '$.name', LEFT(SHA2(id + %d, 256), 32)) WHERE id BETWEEN %d AND %d", round, round, round, from, from+49)
}

func writeWide(ctx context.Context, db *sql.DB, round int) error {
	_, err := db.ExecContext(ctx, updateWide(round))
	return err
}

// writeSmall writes on several connections, which commit together.
func writeSmall(ctx context.Context, db *sql.DB, round int) error {
	const connections, rows = 8, 2000
	group, ctx := errgroup.WithContext(ctx)
	for i := range connections {
		group.Go(func() error {
			_, err := db.ExecContext(ctx, "CALL shop.many(?, ?)", (1_000_000+round*connections+i)*rows, rows)
			return err
		})
	}
	return group.Wait()
}

func writeCompressed(ctx context.Context, db *sql.DB, round int) error {
	base := (10_000_000 + round) * rowsOfSequence
	for _, statement := range []string{
		"SET SESSION binlog_transaction_compression = ON",
		"BEGIN",
		fmt.Sprintf("INSERT INTO shop.orders (customer, state, placed, note, reference) SELECT n * 7919 %% 100000, n %% 5, "+
			"'2018-10-21 22:52:03' + INTERVAL n SECOND, CONCAT('order ', %d + n), %d + n FROM shop.seq", base, base),
		updateWide(round),
		"COMMIT",
		"SET SESSION binlog_transaction_compression = OFF",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
