// Package sqltext spells identifiers, values and comparisons in MySQL's SQL, so that a value reaches a server exactly
// as it was stored, whatever the client's character set.
//
// Invariants: text never leaves as anything but hexadecimal digits with its character set; a FLOAT is written as the
// double that it widens to; NULL is compared by IS NULL; nothing from data can end a comment or a statement.
package sqltext
