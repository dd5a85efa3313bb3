// Package recipes is the doc, executable: one Starlark file a recipe, and lib/
// with the words that several share. Their tests in Starlark come along: no
// pattern of go:embed leaves them out, and nothing loads them.
package recipes

import (
	"embed"
	"io/fs"
)

// FS holds every recipe, NAME.star, and lib/NAME.star.
//
//go:embed *.star lib/*.star
var FS embed.FS

//go:embed compiled
var compiled embed.FS

// Compiled holds the program of each of them but the tests, so that a run need
// not parse: `go test ./recipes -update` writes it.
var Compiled, _ = fs.Sub(compiled, "compiled")
