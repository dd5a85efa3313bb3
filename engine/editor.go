package engine

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// Question is what an editor asks about a file that a person has before them.
type Question struct {
	About  About              `json:"about"`
	File   string             `json:"file"`           // absolute
	Line   int                `json:"line,omitempty"` // of the cursor, from one
	Column int                `json:"column,omitempty"`
	Texts  map[string]*string `json:"texts,omitempty"` // what changed in the editor since the last question, by absolute path; nil: it holds that file no longer
}

// About is what is asked.
type About string

// The questions. All but the first answer from a text that does not load, too:
// what is being typed seldom does.
const (
	AboutProblems    About = "problems"    // all that Check says
	AboutCompletions About = "completions" // what could stand at the cursor
	AboutNote        About = "note"        // what the word at the cursor is
	AboutOrigin      About = "origin"      // where that is defined
	AboutOutline     About = "outline"     // steps, parameters, functions
)

// Answer is what an editor is told; only what was asked for is filled.
type Answer struct {
	Problems    []Problem       `json:"problems,omitempty"`
	Files       map[string]Spot `json:"files,omitempty"` // the files that positions in Problems name, by the name that stands there
	Completions []Completion    `json:"completions,omitempty"`
	Note        *Note           `json:"note,omitempty"`
	Origin      *Spot           `json:"origin,omitempty"`
	Outline     []Symbol        `json:"outline,omitempty"`
}

// Spot is a place in a file. Columns count characters, from one.
type Spot struct {
	Path     string `json:"path"`               // absolute; of an embedded file within what ships
	Embedded bool   `json:"embedded,omitempty"` // it is not on disk
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Width    int    `json:"width,omitempty"` // of the word there, in characters
}

// Completion is one thing that could stand at the cursor.
type Completion struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // builtin, word, function, argument, variable, field, method, module, file, effect, keyword
	Detail string `json:"detail,omitempty"`
	Doc    string `json:"doc,omitempty"` // markdown
	Insert string `json:"insert,omitempty"`
}

// Note is what is to be said of the word at the cursor.
type Note struct {
	Text   string `json:"text"` // markdown
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Width  int    `json:"width"`
}

// Symbol is one name that a file is made of.
type Symbol struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // step, param, function, constant
	Detail string `json:"detail,omitempty"`
	Spot   Spot   `json:"spot"`           // of the name
	Line   int    `json:"line"`           // where it begins
	Column int    `json:"column"`         //
	Ends   int    `json:"ends"`           // its last line
	EndCol int    `json:"end_col"`        // behind its last character
	Step   int    `json:"step,omitempty"` // which one, from one
}

// Answer answers an editor. Files that changed on disk are seen with the next
// question about problems.
func (c *Checker) Answer(ctx context.Context, q Question) Answer {
	c.hold(q.Texts)
	switch q.About {
	case AboutProblems:
		c.forget()
		found := c.Check(ctx, q.File)
		return Answer{Problems: found, Files: c.filesIn(found)}
	case AboutCompletions:
		return Answer{Completions: c.completions(ctx, q)}
	case AboutNote, AboutOrigin:
		r := c.reading(ctx, q.File, c.textOf(q.File))
		if r == nil {
			return Answer{}
		}
		if q.About == AboutNote {
			return Answer{Note: r.note(q.Line, q.Column)}
		}
		return Answer{Origin: r.origin(q.Line, q.Column)}
	case AboutOutline:
		if r := c.reading(ctx, q.File, c.textOf(q.File)); r != nil {
			return Answer{Outline: r.outline()}
		}
	}
	return Answer{}
}

// hold takes over what an editor holds.
func (c *Checker) hold(texts map[string]*string) {
	if len(texts) == 0 {
		return
	}
	if c.lib.Held == nil {
		c.lib.Held = map[string]string{}
	}
	for file, text := range texts {
		if text == nil {
			delete(c.lib.Held, file)
			continue
		}
		c.lib.Held[file] = *text
	}
	c.forget()
}

// forget drops what was read from disk or from an editor. What ships with the
// tool stays: it loads nothing else, and is most of the work.
func (c *Checker) forget() {
	clear(c.readings)
	for key := range c.loader.modules {
		if !key.root.Embedded {
			delete(c.loader.modules, key)
		}
	}
	c.loader.parser.forget()
	for m := range c.pages {
		if !m.root.Embedded {
			delete(c.pages, m)
		}
	}
	for key := range c.reaches {
		if !key.module.root.Embedded {
			delete(c.reaches, key)
		}
	}
	for key, r := range c.lent {
		if !r.home.root.Embedded {
			delete(c.lent, key)
		}
	}
	for key := range c.walks {
		if !key.module.root.Embedded {
			delete(c.walks, key)
		}
	}
}

// textOf is what the editor holds, or what is on disk, in lines as Starlark and
// editors count them; "" when neither is to be had.
func (c *Checker) textOf(file string) string {
	place, err := c.lib.locateFile(file)
	if err != nil {
		return ""
	}
	text, _ := c.loader.source(moduleKey{place.Root, place.Path})
	return unixLines(text)
}

// filesIn are the files that the positions in problems name.
func (c *Checker) filesIn(found []Problem) map[string]Spot {
	out := map[string]Spot{}
	for key := range c.loader.modules {
		name := key.root.shown(key.path)
		if slices.ContainsFunc(found, func(p Problem) bool { return strings.Contains(p.Pos+" "+p.Msg+" "+p.Hint, name+":") }) {
			out[name] = spotIn(key, syntax.MakePosition(&name, 1, 1))
		}
	}
	return out
}

func spotIn(key moduleKey, pos syntax.Position) Spot {
	s := Spot{Path: key.path, Embedded: key.root.Dir == "", Line: int(pos.Line), Column: int(pos.Col)}
	if !s.Embedded {
		s.Path = filepath.Join(key.root.Dir, filepath.FromSlash(key.path))
	}
	return s
}
