package workload

import (
	"fmt"
	"math/rand/v2"
)

// Schema is the name of the schema in which everything happens.
const Schema = "shop"

// pool is a column with numbers from 1 to n.
func pool(name, sql, format string, n int) kind {
	k := kind{name: name, sql: sql}
	for i := range n {
		k.literals = append(k.literals, fmt.Sprintf(format, i+1))
	}
	return k
}

// tables draws the tables of a plan, parents before children.
func tables(random *rand.Rand) []*spec {
	all := everyType(random)
	all = append(all, generated(random)...)
	all = append(all, unique(random)...)
	all = append(all, family(random)...)
	return append(all, special(random)...)
}

func (k keyStyle) table(name string, weight int, columns ...kind) *spec {
	return &spec{name: name, columns: columns, keyNames: k.names, keySQL: k.sql, key: k.key, weight: weight}
}

// everyType has every column type once, over a few tables with keys of random types.
func everyType(random *rand.Rand) []*spec {
	columns, styles := kinds(), keyStyles()
	random.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	random.Shuffle(len(styles), func(i, j int) { styles[i], styles[j] = styles[j], styles[i] })
	var all []*spec
	const count = 4
	for i := range count {
		part := columns[i*len(columns)/count : (i+1)*len(columns)/count]
		all = append(all, styles[i].table(fmt.Sprintf("every%d", i+1), 6, part...))
	}
	watched := inexact()
	shapes, geometries := one("INT", "%d").table("shapes", 3, watched[:2]...), one("INT", "%d").table("geometries", 2, watched[2])
	shapes.watched, geometries.watched = true, true
	return append(all, shapes, geometries)
}

// generated are tables whose key the server makes.
func generated(random *rand.Rand) []*spec {
	id := func(sql string) keyStyle { return one(sql+" AUTO_INCREMENT", "%d") }
	orders := id("BIGINT UNSIGNED").table(
		"orders", 8,
		pool("ref", "VARCHAR(20) COLLATE utf8mb4_general_ci", "'R-%d'", 30), pool("amount", "DECIMAL(10,2)", "%d.25", 5),
	)
	carts := id("INT").table("carts", 4, pool("mail", "VARCHAR(40)", "'u%d@example.com'", 40), pool("total", "INT", "%d", 3))
	carts.clauses = []string{"UNIQUE KEY mail (mail)"}
	orders.automatic, carts.automatic = true, true
	if random.IntN(2) == 0 {
		orders.clauses = []string{"PRIMARY KEY (id, n)"}
	}
	return []*spec{orders, carts}
}

// unique are tables with other unique keys.
func unique(random *rand.Rand) []*spec {
	collations := []string{
		"utf8mb4_general_ci", "utf8mb4_0900_ai_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb4_0900_as_cs", "latin1_swedish_ci",
	}
	collation := collations[random.IntN(len(collations))]
	users := spelled("VARCHAR(40) COLLATE "+collation, "'U%d@example.com'", "'u%d@example.com'", "'u%d@Example.com'").table(
		"users", 8,
		kind{"nick", "VARCHAR(20) COLLATE " + collation, []string{"'zoe'", "'Zoë'", "'max'", "'MAX'", "'eve'", "'bob '", "'bob'", "'ann'", "'ina'", "'leo'"}},
		pool("a", "INT", "%d", 4), pool("b", "INT", "%d", 4),
	)
	users.clauses = []string{"UNIQUE KEY nick (nick)", "UNIQUE KEY two (a, b)"}
	computed := one("INT", "%d").table("computed", 4, pool("a", "INT", "%d", 5), pool("b", "VARCHAR(20)", "'w%d'", 40))
	computed.clauses = []string{
		"gv INT AS (a + 1) VIRTUAL", "gs VARCHAR(30) AS (CONCAT(b, '!')) STORED", "hidden INT DEFAULT 7 INVISIBLE", "UNIQUE KEY gs (gs)",
	}
	folded := one("INT", "%d").table("folded", 1, pool("t", "VARCHAR(30)", "'Text%d'", 60))
	folded.clauses = []string{"UNIQUE KEY expression ((LOWER(t)))"}
	begins := one("INT", "%d").table("begins", 1, pool("t", "VARCHAR(30)", "'%03d-text'", 60))
	begins.clauses = []string{"UNIQUE KEY beginning (t(3))"}
	return []*spec{users, computed, folded, begins}
}

// family are parents with children of every action.
func family(random *rand.Rand) []*spec {
	actions := []string{"CASCADE", "SET NULL", "RESTRICT", "NO ACTION"}
	action := func() string { return actions[random.IntN(len(actions))] }
	parents := one("INT", "%d").table("parents", 6, pool("code", "VARCHAR(10) COLLATE utf8mb4_general_ci", "'c%d'", 50))
	parents.clauses = []string{"UNIQUE KEY code (code)"}
	all := []*spec{parents}
	for i := range 3 {
		child := one("INT", "%d").table(fmt.Sprintf("children%d", i+1), 3, pool("parent", "INT", "%d", poolSize*2/3))
		child.clauses = []string{fmt.Sprintf("CONSTRAINT fk%d FOREIGN KEY (parent) REFERENCES %s.parents (id) ON DELETE %s ON UPDATE %s",
			i+1, Schema, action(), action())}
		all = append(all, child)
	}
	coded := one("INT", "%d").table("coded", 3, pool("code", "VARCHAR(10) COLLATE utf8mb4_general_ci", "'C%d'", 50))
	coded.clauses = []string{fmt.Sprintf("CONSTRAINT fk_code FOREIGN KEY (code) REFERENCES %s.parents (code) ON DELETE %s ON UPDATE %s",
		Schema, action(), action())}
	tree := one("INT", "%d").table("tree", 2, pool("up", "INT", "%d", 20))
	tree.clauses = []string{"CONSTRAINT fk_tree FOREIGN KEY (up) REFERENCES " + Schema + ".tree (id) ON DELETE " + action()}
	return append(all, coded, tree)
}

// special are tables of which little or nothing can be said to be safe.
func special(random *rand.Rand) []*spec {
	plain := func(name string, weight int) *spec {
		return one("INT", "%d").table(name, weight, pool("v", "VARCHAR(20)", "'v%d'", 6))
	}
	audit := one("INT AUTO_INCREMENT", "%d").table("audit", 0, pool("what", "VARCHAR(40)", "'%d'", 9))
	audit.automatic = true
	watched := plain("watched", 4)
	for _, op := range []string{"INSERT", "UPDATE", "DELETE"} {
		image := "NEW"
		if op == "DELETE" {
			image = "OLD"
		}
		if random.IntN(2) == 0 {
			watched.triggers = append(watched.triggers, fmt.Sprintf("CREATE TRIGGER %s.on_%s AFTER %s ON %s.watched FOR EACH ROW "+
				"INSERT INTO %s.audit (what) VALUES (CONCAT('%s ', %s.id))", Schema, op, op, Schema, Schema, op, image))
		}
	}
	watched.triggers = append(watched.triggers, "CREATE TRIGGER "+Schema+".before_update BEFORE UPDATE ON "+Schema+
		".counted FOR EACH ROW SET NEW.n = NEW.n + 100")
	keyless := &spec{name: "keyless", columns: []kind{pool("v", "VARCHAR(20)", "'v%d'", 6)}, weight: 1}
	prefix := spelled("VARCHAR(20)", "'%02d key'").table("prefixed", 1, pool("v", "INT", "%d", 6))
	prefix.clauses = []string{"PRIMARY KEY (id(2))"}
	isam := plain("isam", 1)
	isam.options, isam.alone = "ENGINE=MyISAM", true
	return []*spec{
		audit, plain("counted", 2), watched, keyless, prefix, isam,
		plain("altered_old", 1), plain("altered_new", 2), plain("dropped", 1), plain("plain", 8), plain("wide", 0),
	}
}
