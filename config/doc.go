// Package config reads the three files that people write: the node file of one daemon, the tokens
// of its API, and the declared clusters that apply hands to the group.
//
// Invariants:
//   - A file is taken whole or not at all: an unknown key, a key given twice or a value that makes no
//     sense is an error. Nothing is guessed, and nothing misspelled falls back to a default.
//   - Every complaint names the file, the line and the key, and says what to write instead. All
//     complaints of a file come at once.
//   - Secrets stay in files of their own. Only the hash of a token is kept.
//   - Reading changes nothing.
//
// Only the wiring (packages app and cmd) imports this package; every other one is handed the values
// that it needs.
package config
