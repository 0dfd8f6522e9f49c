package api

import _ "embed" // The description is a file, so that editors and generators can read it.

// description is the OpenAPI description of every route; a test compares the two.
//
//go:embed openapi.json
var description []byte
