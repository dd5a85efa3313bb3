package engine

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// verdictTakes is what the words that judge take, and how that is said. What is
// no text is a record: of all kinds that are none only these do.
var verdictTakes = map[string]struct {
	plain []string
	want  string
}{
	"rule": {[]string{"string"}, "string"}, "title": {[]string{"string"}, "string"}, "means": {[]string{"string"}, "string"},
	"do": {[]string{"string"}, "string"}, "because": {[]string{"string"}, "string"},
	"about":    {[]string{"dict", "None"}, "one record, or a dict with a type"},
	"victims":  {[]string{"dict", "None", "list", "set"}, "a list of records"},
	"members":  {[]string{"dict", "None", "list", "set"}, "a list of records"},
	"evidence": {[]string{"dict", "None", "list", "set", "string"}, "a list of records"},
}

var verdictWords = []string{"fault", "warn", "rule_out", "unknown", "note"}

// verdict finds what a word that judges refuses whenever it is called: the name
// of a rule as it is written, and values of a kind that says nothing.
func (k *checking) verdict(e *syntax.CallExpr) {
	v, _ := k.resolve(k.module, e.Fn)
	b, ok := v.(*starlark.Builtin)
	if !ok || !slices.Contains(verdictWords, b.Name()) {
		return
	}
	for name, value := range k.argumentsOf(e, wordSignatures()[b.Name()].takes) {
		takes, known := verdictTakes[name]
		if !known {
			continue
		}
		start, _ := value.Span()
		text, literal := literalString(value)
		switch {
		case literal && name == "rule" && !isSlug(text):
			k.say("argument", position(start), fmt.Sprintf("such as %q", slug(text)), "%s: rule %q: a rule's name has letters a-z, digits and dashes", b.Name(), oneLine(text))
			continue
		case literal && name == "title" && strings.TrimSpace(text) == "":
			k.say("argument", position(start), "", "%s: title is empty", b.Name())
			continue
		}
		var kinds []string
		for _, f := range k.shapeOf(k.page, value) {
			if samples()[f.kind] == nil && f.kind != "struct" || slices.Contains(takes.plain, f.kind) {
				kinds = nil
				break
			}
			kinds = append(kinds, f.kind)
		}
		if len(kinds) > 0 {
			k.say("argument", position(start), "", "%s: %s is %s, want %s", b.Name(), name, strings.Join(kinds, " or "), takes.want)
		}
	}
}
