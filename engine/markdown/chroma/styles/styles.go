// Package styles keeps the names of colour schemes: see package chroma.
package styles

import "github.com/alecthomas/chroma/v2"

// Registry holds what was registered, by name.
var Registry = map[string]*chroma.Style{}

// Register adds a style.
func Register(s *chroma.Style) *chroma.Style {
	Registry[s.Name] = s
	return s
}
