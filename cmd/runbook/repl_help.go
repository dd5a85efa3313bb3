package main

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine"
	"runbook/engine/markdown"
)

// asksHelp reports whether a line asks for help: ?ps, ps?, or ? alone.
func asksHelp(line string) (topic string, asks bool) {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, "?"); ok {
		return strings.TrimSpace(rest), true
	}
	if rest, ok := strings.CutSuffix(line, "?"); ok {
		return strings.TrimSpace(rest), true
	}
	return "", false
}

// help draws the page of a topic: a name at hand, a word, a type, a module.
func (p *prompt) help(topic string) {
	text := p.page(topic)
	drawn, err := markdown.Render(text, markdown.Options{Width: p.looks.columns(p.door.out), Color: p.looks.colored(p.door.out)})
	if err != nil {
		drawn = text
	}
	fmt.Fprintln(p.door.stdout(), strings.Trim(drawn, "\n"))
}

// helpWord is help(topic): a name as text, or a value.
func (p *prompt) helpWord() *starlark.Builtin {
	return starlark.NewBuiltin("help", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var topic starlark.Value = starlark.String("")
		if err := starlark.UnpackArgs("help", args, kwargs, "topic?", &topic); err != nil {
			return nil, err
		}
		switch v := topic.(type) {
		case starlark.String:
			p.help(string(v))
		case *starlark.Builtin:
			p.help(v.Name())
		case *starlark.Function:
			p.help("\x00" + v.Name() + "\x00" + v.Doc())
		default:
			p.help(v.Type())
		}
		return starlark.None, nil
	})
}

func (p *prompt) page(topic string) string {
	t := p.desk
	if topic == "" {
		return p.index()
	}
	if rest, ok := strings.CutPrefix(topic, "\x00"); ok {
		name, doc, _ := strings.Cut(rest, "\x00")
		return functionPage(name, doc)
	}
	if t.recipe != nil {
		for _, s := range t.recipe.Steps {
			if s.Name == topic {
				return "# " + s.Title + "\n\nThe value of a step of " + t.recipe.Name + ".\n\n" + s.Guidance
			}
		}
		if param, ok := t.recipe.Param(topic); ok {
			return "# " + topic + "\n\nA parameter of " + t.recipe.Name + ": `" + param.Typed() + "`. " + param.Doc
		}
	}
	var names, within []string
	for _, row := range t.rows() {
		if row.Name == topic {
			return "# " + row.Name + "\n\n" + row.Page()
		}
		names = append(names, row.Name)
		if space, _, ok := strings.Cut(row.Name, "."); ok && space == topic {
			within = append(within, fmt.Sprintf("- `%s`: %s", row.Signature(), row.Summary()))
		}
	}
	if len(within) > 0 {
		return "# " + topic + "\n\n" + strings.Join(within, "\n")
	}
	for _, typ := range t.types() {
		if typ.Name == topic {
			return typePage(typ)
		}
		names = append(names, typ.Name)
	}
	if f, ok := p.session.Names()[topic].(*starlark.Function); ok {
		return functionPage(f.Name(), f.Doc())
	}
	if v, ok := p.session.Names()[topic]; ok && v.Type() != "builtin_function_or_method" && v.Type() != "module" {
		return fmt.Sprintf("`%s` is a value of type %s: `help(%s)` tells of that.", topic, v.Type(), topic)
	}
	text := fmt.Sprintf("There is no page on `%s`.", topic)
	if n := engine.Nearest(topic, names); n != "" {
		text += fmt.Sprintf(" Did you mean `?%s`?", n)
	}
	return text
}

func functionPage(name, doc string) string {
	if doc == "" {
		doc = "It has no docstring."
	}
	return "# " + name + "\n\n" + doc
}

func typePage(t engine.Type) string {
	var w strings.Builder
	fmt.Fprintf(&w, "# %s\n\n%s\n\n", t.Name, t.Doc)
	for _, f := range t.Fields {
		fmt.Fprintf(&w, "- `%s` (%s)", f.Name, f.Type)
		if f.Doc != "" {
			w.WriteString(": " + f.Doc)
		}
		w.WriteString("\n")
	}
	return w.String()
}

// index is what there is to ask for.
func (p *prompt) index() string {
	var w strings.Builder
	w.WriteString("# At this prompt\n\n`?NAME` or `help(NAME)` explains a word, a type, or a name at hand. `_` is the last value. `load(\"lib/actors.star\", \"find_trees\")` gets what recipes share, `load(\"./mine.star\", …)` yours.\n")
	if len(p.desk.order) > 0 {
		fmt.Fprintf(&w, "\n**At hand**: `%s`\n", strings.Join(p.desk.order, "`, `"))
	}
	for _, part := range []struct {
		title string
		rows  []engine.Builtin
	}{{"Builtins", p.desk.bench.library.Builtins}, {"Words", engine.Words()}} {
		fmt.Fprintf(&w, "\n## %s\n\n", part.title)
		for _, row := range part.rows {
			fmt.Fprintf(&w, "- `%s`: %s\n", row.Name, row.Summary())
		}
	}
	var types []string
	for _, t := range p.desk.types() {
		types = append(types, "`"+t.Name+"`")
	}
	slices.Sort(types)
	fmt.Fprintf(&w, "\n## Types\n\n%s\n", strings.Join(types, ", "))
	return w.String()
}
