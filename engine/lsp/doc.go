// Package lsp serves an editor over the Language Server Protocol 3.17. It knows
// the protocol and no recipe: what is to be said of a file, an Analyst says.
//
//	editor ──frames──▶ reading ──queue──▶ Serve, one message after the other ──▶ Analyst
//	       ◀──frames── answers, and diagnostics when nothing else waits
//
// Nothing that an editor sends ends the server but an end of its stream, `exit`,
// or the death of the editor: a frame that is no message is answered with an
// error, what lies between frames is skipped.
package lsp
