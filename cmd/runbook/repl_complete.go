package main

import (
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine/lazyregexp"
	"runbook/recipes"
)

var (
	lastWord  = lazyregexp.New(`[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]*|\[(?:-?[0-9]+|"[^"\\]*")\])*$`)
	pathPart  = lazyregexp.New(`^(?:\.?([A-Za-z_][A-Za-z0-9_]*)|\[(-?[0-9]+)\]|\["([^"\\]*)"\])`)
	lastLoad  = lazyregexp.New(`\bload\(\s*"([^"]*)$`)
	keywords  = []string{"and", "break", "continue", "def", "elif", "else", "for", "if", "in", "lambda", "load", "not", "or", "pass", "return"}
	callBegun = lazyregexp.New(`([A-Za-z_][A-Za-z0-9_.]*)\($`)
)

// complete offers what may stand at the cursor: names at hand, the fields of a
// value, the parameters of what is called, files to load. It evaluates nothing:
// a call might look, or act.
func (p *prompt) complete(line string, pos int) (head string, completions []string, tail string) {
	runes := []rune(line)
	head, tail = string(runes[:pos]), string(runes[pos:])
	if m := lastLoad().FindStringSubmatch(head); m != nil {
		return strings.TrimSuffix(head, m[1]), startingWith(m[1], loadable()), tail
	}
	word := lastWord().FindString(head)
	head = strings.TrimSuffix(head, word)
	if i := strings.LastIndexByte(word, '.'); i >= 0 {
		return head + word[:i+1], startingWith(word[i+1:], p.fields(word[:i])), tail
	}
	offers := slices.Concat(p.session.Names().Keys(), starlark.Universe.Keys(), keywords)
	return head, append(startingWith(word, p.parameters(head)), startingWith(word, offers)...), tail
}

func startingWith(prefix string, offers []string) []string {
	var out []string
	for _, o := range offers {
		if strings.HasPrefix(o, prefix) && (prefix != "" || o != "_") {
			out = append(out, o)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// value is what a path like trees[0].root stands for; nil for what is not there.
func (p *prompt) value(path string) starlark.Value {
	v := starlark.Value(nil)
	for first := true; path != ""; first = false {
		m := pathPart().FindStringSubmatch(path)
		if m == nil {
			return nil
		}
		path = path[len(m[0]):]
		if first {
			v = p.session.Names()[m[1]]
		} else {
			v = partOf(v, m)
		}
		if v == nil {
			return nil
		}
	}
	return v
}

// partOf is the field, the element or the value of a key of v that a match of
// pathPart names; nil for none.
func partOf(v starlark.Value, m []string) starlark.Value {
	switch with, isIndexed := v.(starlark.Indexable); {
	case m[1] != "":
		if with, ok := v.(starlark.HasAttrs); ok {
			v, _ := with.Attr(m[1])
			return v
		}
	case m[2] != "" && isIndexed:
		i, err := strconv.Atoi(m[2])
		if i < 0 {
			i += with.Len()
		}
		if err == nil && 0 <= i && i < with.Len() {
			return with.Index(i)
		}
	case m[2] == "":
		if with, ok := v.(starlark.Mapping); ok {
			v, _, _ := with.Get(starlark.String(m[3]))
			return v
		}
	}
	return nil
}

func (p *prompt) fields(path string) []string {
	if v, ok := p.value(path).(starlark.HasAttrs); ok {
		return v.AttrNames()
	}
	return nil
}

// parameters are those of the innermost call that is open in head.
func (p *prompt) parameters(head string) []string {
	open, depth := -1, 0
	for i := len(head) - 1; i >= 0 && open < 0; i-- {
		switch head[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth == 0 {
				open = i
			}
			depth--
		}
	}
	if open < 0 {
		return nil
	}
	m := callBegun().FindStringSubmatch(head[:open+1])
	if m == nil {
		return nil
	}
	var out []string
	switch f := p.value(m[1]).(type) {
	case *starlark.Function:
		for i := range f.NumParams() {
			name, _ := f.Param(i)
			out = append(out, name+" = ")
		}
	case *starlark.Builtin:
		for _, row := range p.desk.rows() {
			if row.Name == f.Name() {
				for _, a := range row.Params {
					out = append(out, strings.TrimLeft(a.Name, "*")+" = ")
				}
			}
		}
	}
	return out
}

// loadable are the files that load(…) finds: those that recipes share, and those
// beside.
func loadable() []string {
	var out []string
	shared, _ := fs.Glob(recipes.FS, "lib/*.star")
	for _, name := range shared {
		if !strings.HasSuffix(name, "_test.star") {
			out = append(out, name)
		}
	}
	beside, _ := fs.Glob(os.DirFS("."), "*.star")
	for _, name := range beside {
		out = append(out, "./"+name)
	}
	return out
}
