package engine

import (
	"slices"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"runbook/engine/event"
)

// Picture is a value as a person reads it at a prompt: something to draw, or,
// where there is nothing, its text. Records in a list are the rows of a table;
// the fields of one, and the items of a dict, are lines.
func Picture(v starlark.Value) (views []event.View, text string) {
	switch v := v.(type) {
	case Viewer:
		if view := v.View(); len(view.Nodes) > 0 {
			return []event.View{cleanView(view)}, ""
		}
	case *starlark.Dict, *starlarkstruct.Struct, Fielder:
		if lines := linesOf(v); len(lines.Nodes) > 0 {
			return []event.View{cleanView(lines)}, ""
		}
	case starlark.Iterable:
		if views, err := viewsOf(v); err == nil && len(views) > 0 {
			for i := range views {
				views[i] = cleanView(bare(views[i]))
			}
			return views, ""
		}
	}
	return nil, cleanText(v.String())
}

// linesOf is a value of named parts, a part to a line.
func linesOf(v starlark.Value) event.View {
	lines := event.View{Kind: "table"}
	line := func(name string, value starlark.Value) {
		lines.Nodes = append(lines.Nodes, event.Node{ID: name, Label: name, Cells: []string{brief(value)}})
	}
	switch v := v.(type) {
	case *starlark.Dict:
		for _, item := range v.Items() {
			name, ok := starlark.AsString(item[0])
			if !ok || name == "" {
				name = brief(item[0])
			}
			line(name, item[1])
		}
	case starlark.HasAttrs:
		for _, name := range attributes(v) {
			if value, err := v.Attr(name); err == nil && value != nil {
				if _, method := value.(starlark.Callable); !method {
					line(name, value)
				}
			}
		}
	}
	return lines
}

// attributes are the names of a value's fields: as its evidence has them, then
// the others.
func attributes(v starlark.HasAttrs) []string {
	all := v.AttrNames()
	fields, ok := v.(Fielder)
	if !ok {
		return all
	}
	var out []string
	for _, f := range fields.Fields() {
		if slices.Contains(all, f.Name) && f.Name != "source" && f.Name != "at" {
			out = append(out, f.Name)
		}
	}
	for _, name := range all {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// bare takes away what a table of one kind of record says in every row: what it
// is, and where and when it was read. Each record has that.
func bare(v event.View) event.View {
	for _, name := range []string{"type", "source", "at"} {
		i := slices.Index(v.Columns, name)
		if i < 0 || v.Kind != "table" {
			continue
		}
		v.Columns = slices.Delete(slices.Clone(v.Columns), i, i+1)
		for j := range v.Nodes {
			if cells := v.Nodes[j].Cells; i < len(cells) {
				v.Nodes[j].Cells = slices.Delete(cells, i, i+1)
			}
		}
	}
	return v
}

const briefMost = 8 // values of a list that are spelled out

// brief is a value in a line, which ends where the value would not: a list has
// thousands of items, and may hold itself.
func brief(v starlark.Value) string { return briefAt(v, 0) }

func briefAt(v starlark.Value, depth int) string {
	open, shut := "[", "]"
	switch v := v.(type) {
	case starlark.String:
		return starlark.String(shortened(string(v), 200)).String()
	case startime.Time:
		return time.Time(v).Format(time.RFC3339Nano)
	case *starlarkstruct.Struct:
		if depth > 1 {
			return "struct(…)"
		}
		return "struct(" + parts(depth, func(yield func(string) bool) {
			for _, name := range v.AttrNames() {
				value, err := v.Attr(name)
				if err == nil && !yield(name+" = "+briefAt(value, depth+1)) {
					return
				}
			}
		}) + ")"
	case *starlark.Dict:
		return "{" + parts(depth, func(yield func(string) bool) {
			for _, item := range v.Items() {
				if !yield(briefAt(item[0], depth+1) + ": " + briefAt(item[1], depth+1)) {
					return
				}
			}
		}) + "}"
	case starlark.Tuple:
		open, shut = "(", ")"
	case *starlark.Set:
		open, shut = "set([", "])"
	case *starlark.List:
	default:
		return shortened(oneLine(v.String()), 200)
	}
	return open + parts(depth, func(yield func(string) bool) {
		for x := range starlark.Elements(v.(starlark.Iterable)) {
			if !yield(briefAt(x, depth+1)) {
				return
			}
		}
	}) + shut
}

// parts joins the first of several texts, and says that there are more.
func parts(depth int, all func(yield func(string) bool)) string {
	out, n := "", 0
	for text := range all {
		if n == briefMost || depth > 2 {
			return out + ", …"
		}
		if n++; n > 1 {
			out += ", "
		}
		out += text
	}
	return out
}

func shortened(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
