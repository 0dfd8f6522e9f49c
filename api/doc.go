// Package api is how people and scripts reach a node: reads from the node's own copy of the agreed
// state, writes that only the leader carries out, the client of both, and their description.
//
// Invariants:
//   - a GET never changes anything, and a POST without a confirmation answers with a preview of what
//     it would do and changes nothing either;
//   - a confirmation is bound to the order, to the person and to the fingerprint of the world that was
//     previewed: when any of them changed, nothing happens;
//   - who is asking is settled before anything else is looked at, so that 401 comes before 404; a request
//     that another node forwards keeps its caller's identity, and only the peer transport may say so;
//   - a secret is neither logged nor kept: tokens are compared by hash, in constant time;
//   - every error names the thing and the next step.
//
// The shapes of the answers are the interface that scripts rely on: fields are added, never renamed.
package api
