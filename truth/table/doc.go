// Package table knows the tables of a schema as information_schema describes them, and reads their rows into cells
// that have one text for one stored value, whether the value was read live or printed by mysqlbinlog.
package table
