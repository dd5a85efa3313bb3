package engine

import (
	"cmp"
	"fmt"

	"go.starlark.net/resolve"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// note says what the word at a place is; nil when there is nothing to say.
func (r *reading) note(line, column int) *Note {
	f := r.at(line, column)
	if f == nil {
		return nil
	}
	if f.load != nil {
		key, err := r.loader.find(r.module.moduleKey, f.load.ModuleName())
		if err != nil {
			return nil
		}
		text := fmt.Sprintf("`%s`", key.root.place(key.path))
		if m := r.loader.modules[key]; m != nil && m.doc != "" {
			text += "\n\n" + m.doc
		}
		pos := f.load.Module.TokenPos
		return &Note{Text: text, Line: int(pos.Line), Column: int(pos.Col), Width: len([]rune(f.load.Module.Raw))}
	}
	text := r.says(f)
	if text == "" {
		return nil
	}
	return &Note{Text: text, Line: int(f.id.NamePos.Line), Column: int(f.id.NamePos.Col), Width: len(f.id.Name)}
}

func (r *reading) says(f *found) string {
	if d := f.member(); d != nil {
		return r.saysMember(d)
	}
	if call := f.argument(); call != nil {
		return r.saysArgument(call, f.id.Name)
	}
	if load, ok := f.parent(1).(*syntax.LoadStmt); ok {
		for i, to := range load.To {
			if f.id == to || f.id == load.From[i] {
				if from, ok := r.page.loads[firstOf(to)]; ok {
					return r.saysSource(r.exported(from), to)
				}
			}
		}
		return ""
	}
	if s := r.inputOf(f); s != nil {
		if text := r.saysInput(f.id.Name); text != "" {
			return text
		}
	}
	b, ok := f.id.Binding.(*resolve.Binding)
	if !ok {
		return ""
	}
	switch b.Scope {
	case resolve.Predeclared:
		return r.saysWord(f.id.Name)
	case resolve.Universal:
		return fmt.Sprintf("`%s` is a word of Starlark itself.", f.id.Name)
	case resolve.Undefined:
		return ""
	}
	return r.saysSource(r.sourceOf(f.id), f.id)
}

func (r *reading) saysWord(name string) string {
	v := r.loader.wordsOf(r.module.moduleKey)[name]
	if row := r.rowOf(name, v); row != nil {
		return row.Page()
	}
	switch v := v.(type) {
	case *starlarkstruct.Module:
		return modulePage(v)
	case onlyInTests:
		return fmt.Sprintf("`%s` is a word of test files: `runbook docs testing`.", name)
	}
	return ""
}

func (r *reading) saysMember(d *syntax.DotExpr) string {
	if v, ok := r.resolve(r.module, d); ok {
		if row := r.rowOf("", v); row != nil {
			return row.Page()
		}
		if x, ok := r.resolve(r.module, d.X); ok {
			if m, ok := x.(*starlarkstruct.Module); ok {
				return fmt.Sprintf("`%s.%s` is a word of Starlark's own module `%s`.", m.Name, d.Name.Name, m.Name)
			}
		}
	}
	for _, form := range r.shapeOf(r.page, d.X) {
		if text := r.saysField(form, d.Name.Name); text != "" {
			return text
		}
	}
	return ""
}

// saysField is an attribute of a value.
func (c *Checker) saysField(f form, name string) string {
	if t, ok := c.types[f.kind]; ok {
		for _, field := range t.Fields {
			if field.Name == name {
				return fmt.Sprintf("`%s.%s`: %s\n\n%s", t.Name, name, field.Type, field.Doc)
			}
		}
		switch name {
		case "at":
			return fmt.Sprintf("`%s.at`: time or None\n\nwhen it was read", t.Name)
		case "source":
			return fmt.Sprintf("`%s.source`: string or None\n\nfrom where it was read", t.Name)
		}
		return ""
	}
	if f.kind == "struct" {
		if s, ok := f.fields[name]; ok {
			return fmt.Sprintf("`%s`: %s", name, cmp.Or(shapeText(s), "attribute of a struct"))
		}
		return ""
	}
	if got := c.attrOf(f, name); got != nil {
		return fmt.Sprintf("`%s.%s`: %s", f.kind, name, shapeText(got))
	}
	return ""
}

func (r *reading) saysArgument(call *syntax.CallExpr, name string) string {
	if v, ok := r.resolve(r.module, call.Fn); ok {
		if row := r.rowOf("", v); row != nil {
			for _, p := range row.Params {
				if p.Name == name {
					return fmt.Sprintf("`%s` (%s) of `%s`\n\n%s", name, p.Type, row.Signature(), p.Doc)
				}
			}
		}
	}
	if id, ok := call.Fn.(*syntax.Ident); ok {
		if s := r.sourceOf(id); s != nil && s.def != nil {
			return fmt.Sprintf("`%s` of `%s`", name, defText(s.def))
		}
	}
	return ""
}

// saysInput is what the engine puts into a parameter of a step.
func (r *reading) saysInput(name string) string {
	for _, p := range r.module.declared.params {
		if p.Name == name {
			text := fmt.Sprintf("parameter `%s` of the recipe (%s)", p.Typed(), p.Kind)
			if p.Default != "" {
				text += fmt.Sprintf(", default `%s`", p.Default)
			}
			return text + "\n\n" + p.Doc
		}
	}
	for _, s := range r.module.declared.steps {
		if s.Name == name {
			text := fmt.Sprintf("what step `%s` returned", name)
			if def := r.page.defs[name]; def != nil {
				if t := shapeText(r.result(r.page, def)); t != "" {
					text += ": " + t
				}
			}
			return text + "\n\n" + s.Title
		}
	}
	return ""
}

func (r *reading) saysSource(s *source, id *syntax.Ident) string {
	if s == nil {
		return ""
	}
	where := ""
	if s.module != r.module {
		where = fmt.Sprintf("\n\n*from* `%s`", s.module.root.place(s.module.path))
	}
	if s.def == nil {
		text := cmp.Or(shapeText(r.shapeOfName(r.page, id)), "a value")
		return fmt.Sprintf("`%s`: %s%s", id.Name, text, where)
	}
	text := fmt.Sprintf("```python\n%s\n```", defText(s.def))
	if doc := defDoc(s.def); doc != "" {
		text += "\n\n" + doc
	}
	if t := shapeText(r.result(r.Checker.page(s.module), s.def)); t != "" && t != "None" {
		text += "\n\n- returns " + t
	}
	if r.module.declared != nil && s.module == r.module {
		for i, step := range r.module.declared.steps {
			if step.Name == s.def.Name.Name {
				text += fmt.Sprintf("\n- step %d", i+1)
				for _, e := range step.Needs {
					text += fmt.Sprintf(", needs `%s`", e)
				}
			}
		}
	}
	return text + where
}

// origin is where the word at a place is defined; nil for words of the language
// and where there is no word.
func (r *reading) origin(line, column int) *Spot {
	f := r.at(line, column)
	switch {
	case f == nil:
		return nil
	case f.load != nil:
		key, err := r.loader.find(r.module.moduleKey, f.load.ModuleName())
		if err != nil {
			return nil
		}
		s := spotIn(key, syntax.MakePosition(nil, 1, 1))
		return &s
	case f.member() != nil:
		return nil
	}
	if call := f.argument(); call != nil {
		return r.originOfArgument(call, f.id.Name)
	}
	if load, ok := f.parent(1).(*syntax.LoadStmt); ok {
		for i, to := range load.To {
			if f.id == to || f.id == load.From[i] {
				if from, ok := r.page.loads[firstOf(to)]; ok {
					return spotOf(r.exported(from))
				}
			}
		}
		return nil
	}
	if s := r.inputOf(f); s != nil {
		return r.maker(f.id.Name)
	}
	return spotOf(r.sourceOf(f.id))
}

func spotOf(s *source) *Spot {
	if s == nil {
		return nil
	}
	spot := spotIn(s.module.moduleKey, s.id.NamePos)
	spot.Width = len(s.id.Name)
	return &spot
}

func (r *reading) originOfArgument(call *syntax.CallExpr, name string) *Spot {
	id, ok := call.Fn.(*syntax.Ident)
	if !ok {
		return nil
	}
	s := r.sourceOf(id)
	if s == nil || s.def == nil {
		return nil
	}
	for _, p := range paramIdents(s.def.Params) {
		if p.Name == name {
			return spotOf(&source{module: s.module, id: p})
		}
	}
	return nil
}

// maker is where the recipe makes what a step takes: an earlier step, or a
// parameter.
func (r *reading) maker(name string) *Spot {
	for _, s := range r.outline() {
		if s.Name == name && (s.Kind == "step" || s.Kind == "param") {
			return &s.Spot
		}
	}
	return nil
}
