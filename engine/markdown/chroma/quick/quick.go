// Package quick highlights nothing: see package chroma.
package quick

import "io"

// Highlight writes source as it is.
func Highlight(w io.Writer, source, lexer, formatter, style string) error {
	_, err := io.WriteString(w, source)
	return err
}
