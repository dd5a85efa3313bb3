package engine

import (
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"runbook/engine/lazyregexp"
)

// docs finds what a reader would miss, and what the guidance says of flags,
// steps and recipes that are not there.
func (k *checking) docs() {
	d := k.module.declared
	switch {
	case k.module.doc == "":
		k.say("docstring", k.module.shown+":1:1", `begin with """# Title`, "the file has no docstring")
	case heading(k.module.doc) == "":
		k.say("docstring", k.module.shown+":1:1", `begin with """# Title`, "the docstring has no heading")
	}
	if d.summary == "" {
		k.say("summary", d.pos, "", "recipe: no summary")
	}
	k.stale(docOf(k.module.syntax.Stmts))
	for _, s := range d.steps {
		if strings.TrimSpace(s.fn.Doc()) == "" {
			k.say("docstring", s.Pos, "", "step %s has no docstring: its first line is the title, the rest the guidance", s.Name)
		}
		if def := k.page.defs[s.Name]; def != nil && position(def.Def) == s.Pos {
			k.stale(docOf(def.Body))
		}
	}
}

// docOf is the string that a file or a function begins with; nil: none.
func docOf(stmts []syntax.Stmt) *syntax.Literal {
	if len(stmts) == 0 {
		return nil
	}
	if e, ok := stmts[0].(*syntax.ExprStmt); ok {
		if lit, ok := e.X.(*syntax.Literal); ok && lit.Token == syntax.STRING {
			return lit
		}
	}
	return nil
}

var (
	codeSpan  = lazyregexp.New("`([^`]+)`")
	aFlag     = lazyregexp.New(`(^|\s)--([a-z][a-z0-9-]*)`)
	leadFlag  = lazyregexp.New(`^--([a-z][a-z0-9-]*)`)
	runsWhat  = lazyregexp.New(`(?:^|[\s;&|(])runbook run ([a-z0-9][a-z0-9._-]*)(.*)$`)
	stepNamed = lazyregexp.New("(?i)\\bsteps? `([a-z_][a-z0-9_]*)`|`([a-z_][a-z0-9_]*)` step\\b")
)

// stale reads a docstring line by line, as it is written in the file.
//
// A flag counts as one of ours where a code span begins with it, or where it
// follows `runbook run` and this recipe: the flags of other programs are theirs.
func (k *checking) stale(lit *syntax.Literal) {
	if lit == nil {
		return
	}
	fenced := false
	for i, line := range strings.Split(lit.Raw, "\n") {
		at := func(offset int) string {
			column := len([]rune(line[:offset])) + 1
			if i == 0 {
				column += int(lit.TokenPos.Col) - 1
			}
			pos := syntax.MakePosition(&k.module.shown, lit.TokenPos.Line+int32(i), int32(column))
			return position(pos)
		}
		if isFence(line) {
			fenced = !fenced
			continue
		}
		if fenced {
			k.staleCommand(line, at)
			continue
		}
		for _, m := range codeSpan().FindAllStringSubmatchIndex(line, -1) {
			span := line[m[2]:m[3]]
			within := func(offset int) string { return at(m[2] + offset) }
			if f := leadFlag().FindStringSubmatch(span); f != nil {
				k.staleFlag(f[1], within(0))
			}
			k.staleCommand(span, within)
		}
		for _, m := range stepNamed().FindAllStringSubmatchIndex(line, -1) {
			from := max(m[2], m[4])
			k.staleStep(line[from:max(m[3], m[5])], at(from))
		}
	}
}

// staleCommand reads `runbook run NAME --flag`.
func (k *checking) staleCommand(text string, at func(int) string) {
	m := runsWhat().FindStringSubmatchIndex(text)
	if m == nil {
		return
	}
	name := text[m[2]:m[3]]
	places, err := k.lib.Places()
	var names []string
	for _, p := range places {
		names = append(names, p.Name)
	}
	own := strings.TrimSuffix(k.module.path, ".star")
	if name != own {
		if err == nil && !slices.Contains(names, name) {
			hint := ""
			if n := Nearest(name, append(names, own)); n != "" {
				hint = "did you mean " + n + "?"
			}
			k.say("stale-doc", at(m[2]), hint, "the docs name the recipe %s, which does not exist", name)
		}
		return
	}
	rest := text[m[4]:m[5]]
	if cut := strings.Index(rest+" ", " -- "); cut >= 0 {
		rest = rest[:cut]
	}
	for _, f := range aFlag().FindAllStringSubmatchIndex(rest, -1) {
		k.staleFlag(rest[f[4]:f[5]], at(m[4]+f[4]-2))
	}
}

func (k *checking) staleFlag(flag, pos string) {
	names := slices.Clone(ReservedFlags)
	for _, p := range k.module.declared.params {
		names = append(names, p.Flag())
	}
	if slices.Contains(names, flag) || flag == "param" {
		return
	}
	hint := ""
	if n := Nearest(flag, names); n != "" {
		hint = "did you mean --" + n + "?"
	}
	k.say("stale-doc", pos, hint, "the docs name the flag --%s, which does not exist", flag)
}

func (k *checking) staleStep(step, pos string) {
	var names []string
	for _, s := range k.module.declared.steps {
		names = append(names, s.Name)
	}
	if slices.Contains(names, step) {
		return
	}
	hint := ""
	if n := Nearest(step, names); n != "" {
		hint = "did you mean " + n + "?"
	}
	k.say("stale-doc", pos, hint, "the docs name the step %s, which does not exist", step)
}
