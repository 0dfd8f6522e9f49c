// Package decodetest makes binary logs for tests: events byte by byte, in the layout that the server writes, of any
// size and without a server. It shares no code with the reader that it tests.
package decodetest
