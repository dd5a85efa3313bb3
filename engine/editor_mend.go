package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// reading is a file as far as its text can be understood: what does not parse
// was left out, line by line, and all other lines stand where they stood.
type reading struct {
	*Checker
	ctx    context.Context
	module *module
	page   *page
}

const mostMends = 24 // of one text; each is a parse

// written is a text in the place of a file.
type written struct{ file, text string }

// reading loads a text in the place of a file, once; nil when nothing of it is
// to be understood.
func (c *Checker) reading(ctx context.Context, file, text string) *reading {
	key := written{file, text}
	r, ok := c.readings[key]
	if !ok {
		r = c.read(ctx, file, text)
		c.readings[key] = r
	}
	return r
}

func (c *Checker) read(ctx context.Context, file, text string) *reading {
	place, err := c.place(file)
	if err != nil {
		return nil
	}
	key := moduleKey{place.Root, place.Path}
	text, ok := c.mend(key, text)
	if !ok {
		return nil
	}
	defer c.instead(file, text)()
	c.drop(key)
	m, err := c.loader.open(ctx, place)
	switch {
	case errors.Is(err, errAbandoned):
		c.begin()
		return nil
	case m == nil:
		m = c.loader.modules[key]
	}
	c.drop(key) // it is no text that anybody wrote
	if m == nil || m.syntax == nil {
		return nil
	}
	r := &reading{Checker: c, ctx: ctx, module: m}
	r.loads()
	r.page = c.page(m)
	return r
}

// instead holds a text for a file until it is told otherwise.
func (c *Checker) instead(file, text string) (undo func()) {
	if c.lib.Held == nil {
		c.lib.Held = map[string]string{}
	}
	old, held := c.lib.Held[file]
	c.lib.Held[file] = text
	return func() {
		if held {
			c.lib.Held[file] = old
			return
		}
		delete(c.lib.Held, file)
	}
}

// drop forgets one file.
func (c *Checker) drop(key moduleKey) {
	delete(c.loader.modules, key)
	c.loader.parser.mu.Lock()
	delete(c.loader.parser.files, key)
	c.loader.parser.mu.Unlock()
}

// loads opens what a file loads that did not come to it.
func (r *reading) loads() {
	for _, stmt := range r.module.syntax.Stmts {
		load, ok := stmt.(*syntax.LoadStmt)
		if !ok {
			continue
		}
		if key, err := r.loader.find(r.module.moduleKey, load.ModuleName()); err == nil && r.loader.modules[key] == nil {
			_, _ = r.loader.open(r.ctx, Place{Root: key.root, Path: key.path})
		}
	}
}

// mend makes a text parse and its names known, as far as it goes: a line that is
// no Starlark becomes one that does nothing, a name that nothing defines a zero.
func (c *Checker) mend(key moduleKey, text string) (string, bool) {
	has := c.loader.wordsOf(key).Has
	mended := map[int]bool{}
	for range mostMends {
		f, err := dialect.Parse(key.root.shown(key.path), text, 0)
		var wrong syntax.Error
		switch {
		case errors.As(err, &wrong):
			line := brokenLine(text, wrong.Pos, mended)
			if line == 0 {
				return "", false
			}
			mended[line] = true
			text = blankLine(text, line)
			continue
		case err != nil:
			return "", false
		}
		var names resolve.ErrorList
		if errors.As(resolve.File(f, has, starlark.Universe.Has), &names) {
			for _, e := range names {
				if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok {
					name, _, _ = strings.Cut(name, " ")
					at := offsetAt(text, int(e.Pos.Line), int(e.Pos.Col))
					if strings.HasPrefix(text[at:], name) {
						text = text[:at] + "0" + strings.Repeat(" ", len(name)-1) + text[at+len(name):]
					}
				}
			}
		}
		return text, true
	}
	return "", false
}

// brokenLine is the line to leave out for an error of the parser: where a
// bracket was opened that is still open there, or its own. 0 when all are left
// out already.
func brokenLine(text string, pos syntax.Position, mended map[int]bool) int {
	at := offsetAt(text, int(pos.Line), int(pos.Col))
	if open := surroundingsOf(text, at).open; len(open) > 0 {
		if line := strings.Count(text[:open[0]], "\n") + 1; !mended[line] {
			return line
		}
	}
	for line := int(pos.Line); line > 0; line-- { // an end of the text, or of a block, is found too late
		if start := lineStart(text, line); start < len(text) && !mended[line] && strings.TrimSpace(lineAt(text, start)) != "" {
			return line
		}
	}
	return 0
}

func lineAt(text string, start int) string {
	line, _, _ := strings.Cut(text[start:], "\n")
	return line
}

// blankLine puts a line that does nothing in the place of one, with the indent
// and, where it headed a block, a block.
func blankLine(text string, line int) string {
	start := lineStart(text, line)
	old := lineAt(text, start)
	words := strings.TrimLeft(old, " \t")
	indent := old[:len(old)-len(words)]
	first := words
	if i := strings.IndexFunc(words, func(r rune) bool { return r > 127 || !isWordByte(byte(r)) }); i >= 0 {
		first = words[:i]
	}
	instead := "pass"
	if below := lineAt(text, min(start+len(old)+1, len(text))); indentOf(below) > len(indent) && strings.TrimSpace(below) != "" {
		switch first {
		case "def":
			instead = fmt.Sprintf("def line_%d():", line)
		case "if", "for":
			instead = "if 0:"
		case "elif", "else":
			instead = "else:"
		}
	}
	if first == "" && indent == "" || strings.HasPrefix(words, ")") || strings.HasPrefix(words, "]") || strings.HasPrefix(words, "}") {
		instead = ""
	}
	return text[:start] + indent + instead + text[start+len(old):]
}
