// Package field writes the texts of numbers and times as MySQL stores them in rows and in JSON documents.
//
// Pure. Every function appends to a buffer, allocates nothing else, and gives one text for one stored value. Arbitrary
// bytes give some text or false, never a panic. The layouts follow the MySQL source (strings/decimal.cc,
// mysys/my_time.cc).
package field
