package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// poolSize is how many keys of a table are ever used.
const poolSize = 36

// spec is what the plan knows of a table.
type spec struct {
	name string
	// columns are those beside the key that writers set; every table has n, a number that is counted up and down.
	columns []kind
	// keyNames are the columns of the primary key, keySQL their types; none for a table without one.
	keyNames, keySQL []string
	// key spells the key with a number; variants are spelled in other ways and may be the same to the server.
	key func(number, variant int) []string
	// automatic says that the server generates the key.
	automatic bool
	// clauses are constraints and columns that writers never set.
	clauses []string
	options string
	// triggers are created after the table.
	triggers []string
	// weight is how often the table is written to.
	weight int
	// alone says that a write must be a transaction of its own.
	alone bool
	// watched says that the ledger reads the rows.
	watched bool
}

func (t *spec) create() string {
	var parts []string
	for i, name := range t.keyNames {
		parts = append(parts, name+" "+t.keySQL[i])
	}
	for _, c := range t.columns {
		parts = append(parts, c.name+" "+c.sql)
	}
	parts = append(parts, "n INT NOT NULL DEFAULT 0")
	if len(t.keyNames) > 0 && !strings.Contains(strings.Join(t.clauses, " "), "PRIMARY KEY") {
		parts = append(parts, "PRIMARY KEY ("+strings.Join(t.keyNames, ", ")+")")
	}
	parts = append(parts, t.clauses...)
	return fmt.Sprintf("CREATE TABLE %s (%s) %s", t.path(), strings.Join(parts, ", "), t.options)
}

func (t *spec) path() string { return Schema + "." + t.name }

// where is the condition for a key.
func (t *spec) where(number, variant int) string {
	if t.keyNames == nil {
		return fmt.Sprintf("n = %d", number)
	}
	parts := t.assign(number, variant)
	return strings.Join(parts, " AND ")
}

func (t *spec) assign(number, variant int) []string {
	var parts []string
	for i, literal := range t.key(number, variant) {
		parts = append(parts, t.keyNames[i]+" = "+literal)
	}
	return parts
}

// insert is an INSERT of a row with random values.
func (t *spec) insert(random *rand.Rand, number int) string {
	names, values := []string{"n"}, []string{fmt.Sprint(number)}
	if t.keyNames != nil && !t.automatic {
		names = append(names, t.keyNames...)
		values = append(values, t.key(number, random.IntN(3))...)
	}
	for _, c := range t.columns {
		names, values = append(names, c.name), append(values, c.literal(random))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.path(), strings.Join(names, ", "), strings.Join(values, ", "))
}

// update is an UPDATE of one to three columns.
func (t *spec) update(random *rand.Rand, number int) string {
	var sets []string
	for range 1 + random.IntN(3) {
		if len(t.columns) == 0 {
			break
		}
		c := t.columns[random.IntN(len(t.columns))]
		set := c.name + " = " + c.literal(random)
		if c.sql == "JSON" && random.IntN(2) == 0 {
			set = fmt.Sprintf("%s = JSON_SET(%s, '$.k', %d)", c.name, c.name, random.IntN(3))
		}
		if !slices.ContainsFunc(sets, func(s string) bool { return strings.HasPrefix(s, c.name+" ") }) {
			sets = append(sets, set)
		}
	}
	if len(sets) == 0 || random.IntN(4) == 0 {
		sets = append(sets, fmt.Sprintf("n = n + %d", 1+random.IntN(2)))
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", t.path(), strings.Join(sets, ", "), t.where(number, random.IntN(3)))
}

// keyStyle is a way to build primary keys.
type keyStyle struct {
	names, sql []string
	key        func(number, variant int) []string
}

func one(sql, format string) keyStyle {
	return keyStyle{[]string{"id"}, []string{sql}, func(number, _ int) []string { return []string{fmt.Sprintf(format, number)} }}
}

// spelled has keys in three spellings.
func spelled(sql string, formats ...string) keyStyle {
	return keyStyle{[]string{"id"}, []string{sql}, func(number, variant int) []string {
		return []string{fmt.Sprintf(formats[variant%len(formats)], number)}
	}}
}

func keyStyles() []keyStyle {
	return []keyStyle{
		one("BIGINT UNSIGNED", "18446744073709551615 - %d"), one("INT", "-%d"), one("MEDIUMINT UNSIGNED", "16777215 - %d"),
		one("DECIMAL(10,2)", "%d.50"), one("DATETIME(6)", "'2018-10-21 22:52:%02d.000001'"), one("DATE", "ADDDATE('2018-10-21', %d)"),
		one("BINARY(4)", "CHAR(%d, 0)"), one("VARBINARY(6)", "CONCAT(X'00', '%d')"), one("TIMESTAMP(3) NOT NULL", "'2020-01-01 00:00:%02d.5'"),
		spelled("CHAR(12) COLLATE utf8mb4_general_ci", "'Item %d'", "'ITEM %d'", "'item %d  '"),
		spelled("VARCHAR(20) COLLATE utf8mb4_0900_ai_ci", "'Key-%d'", "'KEY-%d'", "'key-%d'"),
		spelled("VARCHAR(20) COLLATE utf8mb4_0900_ai_ci", "'é-%d'", "'É-%d'", "'e-%d'"),
		spelled("VARCHAR(20) COLLATE utf8mb4_unicode_ci", "'Ünï %d'", "'ünï %d'", "'ÜNÏ %d '"),
		spelled("VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci", "'Ab-%d'", "'AB-%d'", "'ab-%d'"),
		spelled("VARCHAR(20) COLLATE utf8mb4_bin", "'Bin-%d'", "'bin-%d'", "'Bin-%d'"),
		spelled("VARCHAR(20) COLLATE utf8mb4_0900_as_cs", "'cs-%d'", "'CS-%d'", "'cs-%d '"),
		{[]string{"k1", "k2"}, []string{"SMALLINT", "VARCHAR(20) COLLATE utf8mb4_general_ci"}, func(number, variant int) []string {
			return []string{fmt.Sprint(number % 3), fmt.Sprintf([]string{"'c%d'", "'C%d'", "'c%d '"}[variant%3], number/3)}
		}},
		{[]string{"k1", "k2", "k3"}, []string{"INT", "BINARY(2)", "TINYINT UNSIGNED"}, func(number, _ int) []string {
			return []string{fmt.Sprint(number % 2), "X'0100'", fmt.Sprint(200 + number/2)}
		}},
	}
}
