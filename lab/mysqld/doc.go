// Package mysqld finds or installs a real MySQL server and runs instances of
// it for the lab and for tests.
//
// Locate answers an Installation: the server that the caller names, one on
// PATH, or one that it installs from the machine's own Debian archive into a
// private prefix under the cache directory. Prepare keeps an initialized data
// directory as a template. A Server is one instance on a copy of it, under a
// small supervisor that starts mysqld again when the server itself asks for it
// (RESTART, CLONE) and leaves it down when somebody killed it.
//
// Invariants:
//   - nothing outside the cache directory and the directories named by the
//     caller is written, and the system's packages are never touched;
//   - a prefix or template becomes visible by a rename, complete or not at all,
//     under a lock that keeps a second installer out;
//   - an instance is always started with --defaults-file, never with
//     --no-defaults, because that would ignore the persisted variables and
//     boot writable.
package mysqld
