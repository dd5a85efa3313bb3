package engine

import (
	"fmt"
	"strings"

	"runbook/engine/lazyregexp"
)

// Signature is how a builtin is called: ps(match = None, pid = []).
func (b Builtin) Signature() string {
	var params []string
	for _, p := range b.Params {
		switch {
		case strings.HasPrefix(p.Name, "*") || p.Default == "":
			params = append(params, p.Name)
		default:
			params = append(params, p.Name+" = "+p.Default)
		}
	}
	return b.Name + "(" + strings.Join(params, ", ") + ")"
}

// Page is all that is to be said of a builtin, as markdown without a heading:
// for the reference, and for an editor.
func (b Builtin) Page() string {
	var w strings.Builder
	fmt.Fprintf(&w, "```python\n%s\n```\n\n%s\n\n", b.Signature(), b.Doc)
	for _, p := range b.Params {
		fmt.Fprintf(&w, "- `%s` (%s): %s\n", p.Name, p.Type, p.Doc)
	}
	fmt.Fprintf(&w, "- returns %s\n", b.Returns)
	if b.Errors != "" {
		fmt.Fprintf(&w, "- fails when: %s\n", b.Errors)
	}
	switch {
	case b.Effect != Looks:
		fmt.Fprintf(&w, "- effect: `%s`; the step must request it, and the user grant it\n", b.Effect)
	case b.Pure:
		w.WriteString("- touches no machine: may be called while a file loads\n")
	}
	fmt.Fprintf(&w, "\n```python\n%s\n```\n", b.Example)
	return w.String()
}

// Summary is the first sentence of what it says of itself.
func (b Builtin) Summary() string {
	text, _, _ := strings.Cut(b.Doc, "\n\n")
	text = strings.Join(strings.Fields(text), " ")
	if at := sentenceEnd().FindStringIndex(text); at != nil {
		return text[:at[0]+1]
	}
	return text
}

// A dot within e.g. ends none.
var sentenceEnd = lazyregexp.New(`\. [A-Z` + "`" + `]`)
