package builtins

import (
	"strings"
	"time"

	"go.starlark.net/starlark"

	"runbook/engine"
	"runbook/engine/event"
)

func (w *world) findings() engine.Builtin {
	return engine.Builtin{
		Name: "findings",
		Doc: "What this run has said so far, also in steps before.\n\n" +
			"A recipe that lets a library judge learns here what it found: `findings()[before:]`.",
		Returns: "list of finding, in the order in which they were said",
		Example: `[f.title for f in findings() if f.verdict == "fault"]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(call.Name, args, kwargs); err != nil {
				return nil, err
			}
			return listOf(call.Findings(), func(f event.Finding) starlark.Value { return newRecord(findingKind, f, "", time.Time{}) }), nil
		},
	}
}

var findingKind = &kind[event.Finding]{
	name: "finding",
	doc:  "One verdict that was said.",
	text: func(f event.Finding) string { return string(f.Verdict) + " " + f.Rule },
	fields: []field[event.Finding]{
		{name: "verdict", typ: "string", doc: "fault, warn, rule_out, unknown, note", get: func(f event.Finding) starlark.Value { return text(string(f.Verdict)) }},
		{name: "rule", typ: "string", doc: "as the recipe wrote it, without the recipe's name before it", get: func(f event.Finding) starlark.Value {
			_, rule, _ := strings.Cut(f.Rule, "/")
			return text(rule)
		}},
		{name: "title", typ: "string", get: func(f event.Finding) starlark.Value { return text(f.Title) }},
	},
}
