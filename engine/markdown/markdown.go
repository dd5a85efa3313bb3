// Package markdown draws the guidance of recipes on a terminal. It is the only
// importer of glamour: everything that links this package pays for its start,
// most of which the folder chroma saves.
package markdown

import (
	"fmt"
	"strings"
	"sync"

	"github.com/charmbracelet/glamour"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
)

// Options are all that the text depends on: no environment, no question to the
// terminal.
type Options struct {
	Width int   // columns; 0 = 80, and never more than 120, which nobody reads
	Color bool  // SGR colours; without them Style is NoTTY
	Style Style // Dark is the default
	ASCII bool  // bullets and rules without Unicode; the text is the caller's
}

// Style is the set of colours.
type Style int

// The styles.
const (
	Dark Style = iota
	Light
	NoTTY
)

const maxWidth = 120

// Render draws md. No line is wider than o.Width, but for code, which is there to
// be copied and stands whole; none ends in spaces, the text begins and ends with a
// line that is not empty, and nothing in md reaches the terminal as a control
// character. Tables that don't fit become lists.
func Render(md string, o Options) (text string, err error) {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = min(max(o.Width, 20), maxWidth)
	if !o.Color {
		o.Style = NoTTY
	}
	defer func() { // a parser of other people's that panics must not take the run along
		if r := recover(); r != nil {
			text, err = "", fmt.Errorf("render markdown: %v", r)
		}
	}()
	l := look{o.Style, o.Color, o.ASCII, o.Width < 60}
	draw := rendererFor(l).render
	var out []string
	for _, part := range split(clean(md)) {
		source, code := literal(unwrap(part.text))
		s, err := draw(source)
		if err == nil && part.table != nil && widest(s) > o.Width {
			source, code = literal(part.table.list())
			s, err = draw(source)
		}
		if err != nil {
			return "", fmt.Errorf("render markdown: %w", err)
		}
		if s = wrap(s, o.Width, l.margin(), code); s != "" {
			out = append(out, asWritten.Replace(s))
		}
	}
	return strings.Join(out, "\n\n"), nil
}

func widest(s string) int {
	n := 0
	for _, l := range strings.Split(s, "\n") {
		n = max(n, ansi.StringWidth(trim(l)))
	}
	return n
}

// look is what a renderer of glamour depends on.
type look struct {
	style        Style
	color, ascii bool
	narrow       bool // no room for a margin
}

func (l look) margin() int {
	if l.narrow {
		return 0
	}
	return 2
}

// renderer is a glamour renderer, which keeps state while it works.
type renderer struct {
	mu   sync.Mutex
	term *glamour.TermRenderer
	err  error
}

func (r *renderer) render(md string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return "", r.err
	}
	return r.term.Render(md)
}

var renderers sync.Map // look → *renderer

// rendererFor returns the renderer of that look, made once.
//
// It is told not to wrap. Where glamour wraps, it pads every line with spaces,
// stretches small tables over the page, and lets the second line of an item or
// of a command begin in the first column.
func rendererFor(l look) *renderer {
	if r, ok := renderers.Load(l); ok {
		return r.(*renderer)
	}
	profile := termenv.ANSI256
	if !l.color {
		profile = termenv.Ascii
	}
	r := &renderer{}
	r.term, r.err = glamour.NewTermRenderer(
		glamour.WithStyles(l.config()),
		glamour.WithColorProfile(profile),
		glamour.WithWordWrap(0),
		glamour.WithInlineTableLinks(true),
	)
	kept, _ := renderers.LoadOrStore(l, r)
	return kept.(*renderer)
}
