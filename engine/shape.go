package engine

import (
	"slices"
	"strings"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// shape is what the text tells of a value: one of these forms. Empty: nothing
// is known, and nothing is said of it.
type shape []form

// form is one kind of value.
type form struct {
	kind   string           // "string", "list", "process", "struct", "function", "None" …
	of     shape            // elements of a list, values of a dict, what a function returns
	fields map[string]shape // of a struct
	takes  *signature       // of a function; nil: not known
	wchan  bool             // a string that names a kernel function
	empty  bool             // a list that is written out with nothing in it
}

const mostForms = 8 // of one shape; what may be more is as good as unknown

func only(kind string) shape { return shape{{kind: kind}} }

func listOf(of shape) shape { return shape{{kind: "list", of: of}} }

// either is the shape of a value that has one of two.
func either(a, b shape) shape {
	if len(a) == 0 || len(b) == 0 || len(a)+len(b) > mostForms {
		return nil
	}
	out := slices.Clone(a)
	for _, f := range b {
		if f.fields == nil && f.of == nil && f.takes == nil && slices.ContainsFunc(out, func(o form) bool {
			return o.kind == f.kind && o.wchan == f.wchan && o.empty == f.empty && o.fields == nil && o.of == nil && o.takes == nil
		}) {
			continue
		}
		out = append(out, f)
	}
	return out
}

// element is the shape of what iterating, or indexing, gives.
func (s shape) element() shape {
	var out shape
	for i, f := range s {
		var of shape
		switch f.kind {
		case "None":
			continue
		case "list", "set":
			of = f.of
		case "string":
			of = only("string")
		}
		if of == nil {
			return nil
		}
		if i == 0 || out == nil {
			out = of
			continue
		}
		out = either(out, of)
	}
	return out
}

// shapeOfText reads the type of a value as the table of builtins words it:
// "list of process, oldest first", "string or None; …".
func (c *Checker) shapeOfText(text string) shape {
	text, _, _ = strings.Cut(text, ";")
	text, _, _ = strings.Cut(text, ":")
	text, _, _ = strings.Cut(text, ",")
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "function") {
		_, result, ok := strings.Cut(text, "→")
		if !ok {
			return nil
		}
		return shape{{kind: "function", of: c.shapeOfText(result)}}
	}
	var out shape
	for i, word := range strings.Split(text, " or ") {
		one := c.shapeOfWord(strings.TrimSpace(word))
		if one == nil {
			return nil
		}
		if i == 0 {
			out = one
			continue
		}
		out = either(out, one)
	}
	return out
}

func (c *Checker) shapeOfWord(word string) shape {
	if of, ok := strings.CutPrefix(word, "list of "); ok {
		return listOf(c.shapeOfText(of))
	}
	if strings.HasPrefix(word, "dict") {
		_, to, _ := strings.Cut(word, " to ")
		return shape{{kind: "dict", of: c.shapeOfText(to)}}
	}
	if _, ok := c.types[word]; ok || methods[word] != nil || plainKinds[word] {
		return only(word)
	}
	return nil
}

// plainKinds have no attributes.
var plainKinds = map[string]bool{"int": true, "float": true, "bool": true, "None": true, "function": true}

// methods are the attributes of the values of the language.
var methods = map[string][]string{
	"string":   starlark.String("").AttrNames(),
	"bytes":    starlark.Bytes("").AttrNames(),
	"list":     starlark.NewList(nil).AttrNames(),
	"dict":     starlark.NewDict(0).AttrNames(),
	"set":      starlark.NewSet(0).AttrNames(),
	"duration": startime.Duration(0).AttrNames(),
	"time":     startime.Time{}.AttrNames(),
	"regexp":   (*Regexp)(nil).AttrNames(),
}

// attrs are the attributes of a form; known is false when they are not to be
// told.
func (c *Checker) attrs(f form) (names []string, known bool) {
	switch {
	case f.kind == "struct":
		for name := range f.fields {
			names = append(names, name)
		}
		slices.Sort(names)
		return names, f.fields != nil
	case methods[f.kind] != nil:
		return methods[f.kind], true
	case plainKinds[f.kind]:
		return nil, true
	}
	t, known := c.types[f.kind]
	if !known {
		return nil, false
	}
	names = []string{"at", "source"}
	for _, field := range t.Fields {
		names = append(names, field.Name)
	}
	return names, true
}

// attr is the shape of an attribute; nil when it is not known.
func (c *Checker) attr(x shape, name string) shape {
	var out shape
	for _, f := range x {
		if f.kind == "None" {
			continue
		}
		got := c.attrOf(f, name)
		if got == nil {
			return nil
		}
		if out == nil {
			out = got
			continue
		}
		out = either(out, got)
	}
	return out
}

func (c *Checker) attrOf(f form, name string) shape {
	if f.kind == "struct" {
		return f.fields[name]
	}
	if t, ok := c.types[f.kind]; ok {
		for _, field := range t.Fields {
			if field.Name == name {
				s := c.shapeOfText(field.Type)
				if name == "wchan" {
					for i := range s {
						s[i].wchan = s[i].kind == "string"
					}
				}
				return s
			}
		}
		return nil
	}
	returns := func(s shape) shape { return shape{{kind: "function", of: s}} }
	switch f.kind + "." + name {
	case "regexp.pattern":
		return only("string")
	case "regexp.search":
		return returns(only("bool"))
	case "regexp.find":
		return returns(either(only("string"), only("None")))
	case "string.split", "string.rsplit", "string.splitlines":
		return returns(listOf(only("string")))
	case "string.strip", "string.lstrip", "string.rstrip", "string.lower", "string.upper", "string.title", "string.replace",
		"string.removeprefix", "string.removesuffix", "string.format", "string.join", "string.capitalize":
		return returns(only("string"))
	case "string.startswith", "string.endswith":
		return returns(only("bool"))
	case "string.find", "string.index", "string.count":
		return returns(only("int"))
	}
	return nil
}
