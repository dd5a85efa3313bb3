package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// sayShow is show(value, title = ""): a tree, a graph or a table goes into the
// stream. A list of dicts or records is a table; a list of views, each of them.
func sayShow(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	step := running(thread)
	if step == nil {
		return nil, errors.New("show: only inside a step")
	}
	var value starlark.Value
	var title string
	if err := starlark.UnpackArgs("show", args, kwargs, "value", &value, "title?", &title); err != nil {
		return nil, err
	}
	views, err := viewsOf(value)
	if err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	for _, v := range views {
		if title != "" {
			v.Title = title
		}
		step.show(v)
	}
	return starlark.None, nil
}

func viewsOf(v starlark.Value) ([]event.View, error) {
	if isFields(v) {
		if _, drawn := v.(Viewer); !drawn {
			return []event.View{table([]event.Fields{fieldOf(v).(event.Fields)})}, nil
		}
	}
	switch v := v.(type) {
	case Viewer:
		return []event.View{v.View()}, nil
	case starlark.Iterable:
		var views []event.View
		var rows []event.Fields
		iter := v.Iterate()
		defer iter.Done()
		var x starlark.Value
		for i := 0; iter.Next(&x); i++ {
			if view, ok := x.(Viewer); ok {
				views = append(views, view.View())
				continue
			}
			if !isFields(x) {
				return nil, fmt.Errorf("value[%d]: got %s, want something to draw, or a row (dict or record)", i, x.Type())
			}
			rows = append(rows, fieldOf(x).(event.Fields))
		}
		if len(rows) > 0 {
			views = append(views, table(rows))
		}
		return views, nil
	default:
		return nil, fmt.Errorf("got %s, want a tree, a graph, or a list of rows", v.Type())
	}
}

// table lays rows out in columns, in the order in which names were first said.
func table(rows []event.Fields) event.View {
	v := event.View{Kind: "table"}
	at := map[string]int{}
	for _, row := range rows {
		for _, f := range row {
			if _, ok := at[f.Name]; !ok {
				at[f.Name] = len(v.Columns)
				v.Columns = append(v.Columns, f.Name)
			}
		}
	}
	for i, row := range rows {
		cells := make([]string, len(v.Columns))
		for _, f := range row {
			cells[at[f.Name]] = cell(f.Value)
		}
		v.Nodes = append(v.Nodes, event.Node{ID: fmt.Sprint(i + 1), Cells: cells})
	}
	return v
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "?"
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = cell(x)
		}
		return strings.Join(parts, " ")
	case event.Fields:
		parts := make([]string, len(v))
		for i, f := range v {
			parts[i] = f.Name + "=" + cell(f.Value)
		}
		return strings.Join(parts, " ")
	default:
		return fmt.Sprint(v)
	}
}

func cleanView(v event.View) event.View {
	v.Kind, v.Title = cleanText(v.Kind), cleanText(v.Title)
	v.Columns = cleanTexts(v.Columns)
	nodes := make([]event.Node, len(v.Nodes))
	for i, n := range v.Nodes {
		n.ID, n.Parent, n.Label, n.Cells = cleanText(n.ID), cleanText(n.Parent), cleanText(n.Label), cleanTexts(n.Cells)
		if n.Subject != nil {
			s := cleanSubject(*n.Subject)
			n.Subject = &s
		}
		nodes[i] = n
	}
	v.Nodes = nodes
	edges := slices.Clone(v.Edges)
	for i := range edges {
		e := &edges[i]
		e.From, e.To, e.Kind, e.Label = cleanText(e.From), cleanText(e.To), cleanText(e.Kind), cleanText(e.Label)
	}
	v.Edges = edges
	return v
}

func cleanTexts(in []string) []string {
	out := slices.Clone(in)
	for i := range out {
		out[i] = cleanText(out[i])
	}
	return out
}
