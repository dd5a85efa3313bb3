// Package recipes is the doc, executable: one Starlark file a recipe, and lib/
// with the words that several share.
package recipes

import "embed"

// FS holds every recipe, NAME.star, and lib/NAME.star.
//
//go:embed *.star lib/*.star
var FS embed.FS
