// Package bluemonday stands in for the HTML sanitiser that glamour links.
//
// The real one compiles hundreds of regular expressions while the program
// starts, a tenth of the time of a whole `runbook run`, to say which tags a
// browser may see. A terminal knows no tags. go.mod replaces the module by this
// folder, which has what glamour names and no more.
package bluemonday

import "html"

// Policy says what becomes of tags: here, text.
type Policy struct{}

// StrictPolicy allows no tag to be one.
func StrictPolicy() *Policy { return &Policy{} }

// Sanitize returns s as the text that it is, tags and all, escaped: glamour
// unescapes what it gets. Dropping the tags instead would take a word like
// <name> from the page, which in a doc is mostly a placeholder.
func (*Policy) Sanitize(s string) string { return html.EscapeString(s) }
