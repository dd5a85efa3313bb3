package engine

import "slices"

// Words are the words of the language as rows of the reference: what every file
// knows beside the builtins of Go. None of them looks at the machine. A test
// holds the rows to what the words themselves take.
func Words() []Builtin {
	return slices.Concat(declaring, paramRows(), verdictRows(), saying, making)
}

var (
	declaring = []Builtin{
		{
			Name: "recipe", Doc: "Declares the recipe: the table of contents at a file's end. Called once, with named arguments.",
			Params: []Arg{
				{"summary", "string", `""`, "the question that the recipe answers, one line; `runbook list` shows it"},
				{"tags", "list of string", "[]", "words to find it by"},
				{"params", "dict of string to param", "{}", "what a user may give; each becomes a flag and is an input of steps"},
				{"steps", "list of function", "[]", "in the order in which they run: functions, or step(…) of one"},
			},
			Returns: "None", Errors: "a step takes what no parameter and no earlier step makes; two things have one name", Pure: true,
			Example: `recipe(summary = "Who holds the port?", params = {"port": param.int(1616, "The port.")}, steps = [look, judge])`,
		},
		{
			Name: "step", Doc: "A step that asks for effects, or for another deadline. A step that only looks is listed as the plain function.",
			Params: []Arg{
				{"fn", "function", "", "its parameters name what it takes: parameters of the recipe, and earlier steps for what they returned"},
				{"needs", "list of string", "[]", `the effects that it may have: "run", "write", "kill"; the user grants them`},
				{"deadline", "duration", "None", "how long it may take"},
			},
			Returns: "step", Errors: "an unknown effect; a deadline that is no time at all", Pure: true,
			Example: `recipe(summary = "…", steps = [look, step(clear, needs = ["kill"], deadline = "30s")])`,
		},
	}

	saying = []Builtin{
		{
			Name: "stop", Doc: "Ends the recipe in peace: there is nothing more to find out.",
			Params: []Arg{
				{"reason", "string", "", "why, one line"},
				{"unknown", "bool", "False", "True: what was asked for could not be looked at, so the run is incomplete"},
				{"usage", "bool", "False", "True: what the user gave says nothing, so it is an error of usage"},
			},
			Returns: "None", Example: `stop("nothing is listening on that port")`,
		},
		{
			Name: "show", Doc: "Draws a value: a tree, a graph or a table. A list of records, structs or dicts is a table; a list of views is each of them.",
			Params: []Arg{
				{"value", "tree, graph, list of records, or dict", "", "what to draw"},
				{"title", "string", `""`, "a heading"},
			},
			Returns: "None", Example: `show(ps(match = "python"), title = "Interpreters")`,
		},
	}

	making = []Builtin{
		{
			Name: "regexp", Doc: "A regular expression (RE2). It has `pattern`, `search(text)`, which tells whether it matches somewhere, and `find(text)`, which gives the first match or None.",
			Params:  []Arg{{"pattern", "string", "", "the expression"}, {"default", "any", "an error", "what to give for one that is none, as may come from a file"}},
			Returns: "regexp", Errors: "it is none, and there is no default", Pure: true, Example: `regexp("_actor\\.py$").search(p.cmdline)`,
		},
		{
			Name: "struct", Doc: "A value with the attributes that are given. It cannot be changed.",
			Params:  []Arg{{"**attributes", "any", "", "by name"}},
			Returns: "struct", Pure: true, Example: `struct(name = "brokerd", pids = [1, 2])`,
		},
		{
			Name: "size", Doc: "A number of bytes as a person reads it.",
			Params:  []Arg{{"n", "int", "", "bytes"}},
			Returns: `string: "45,815 bytes"`, Pure: true, Example: `size(s.recv_q)`,
		},
		{
			Name: "span", Doc: "A duration as a person reads it.",
			Params:  []Arg{{"d", "duration", "", "how long"}},
			Returns: `string: "1.0s", "12m03s", "3h02m"`, Pure: true, Example: `span(p.age)`,
		},
		{
			Name: "plural", Doc: "A number with its noun.",
			Params: []Arg{
				{"n", "int", "", "how many"},
				{"one", "string", "", "the noun for one"},
				{"many", "string", `""`, "the noun for several, where an s at its end does not do"},
			},
			Returns: `string: "1 actor", "3 actors"`, Pure: true, Example: `plural(len(tree.processes), "process", "processes")`,
		},
	}
)

func verdictRows() []Builtin {
	var rows []Builtin
	for _, w := range []struct{ name, doc, example string }{
		{"fault", "Names a cause: this is what is wrong.", `fault("port-held", "port %d is held by pid %d" % (port, p.pid), about = p, means = "A second boot waits for it.", do = "kill %d" % p.pid)`},
		{"warn", "Says what may become a cause, or keeps another from being found.", `warn("old-orphan", "%s has no parent" % p.name, about = p)`},
		{"rule_out", "Says that something was looked for, and is not the cause.", `rule_out("port-held", "nothing holds port %d" % port)`},
		{"unknown", "Says that something could not be looked at, so nothing is known of it.", `unknown("no-stack", "pid %d does not let us read its stack" % p.pid, about = p, do = "sudo runbook run wedged-actor")`},
		{"note", "Says what is worth knowing and judges nothing.", `note("actors", plural(len(tree.processes), "actor"))`},
	} {
		rows = append(rows, Builtin{
			Name: w.name, Doc: w.doc + " The finding points to the line that said it.",
			Params: []Arg{
				{"rule", "string", "", "a stable name for this kind of finding: letters a-z, digits and dashes"},
				{"title", "string", "", "one line for the person with the problem"},
				{"about", "record, or dict", "None", "what it is about: a process, a socket …, or {\"type\": …, …}"},
				{"victims", "list of records", "[]", "who suffers from it"},
				{"members", "list of records", "[]", "what belongs to it, where it is about several"},
				{"evidence", "list of records", "[]", "what was seen"},
				{"means", "string", `""`, "what follows from it"},
				{"do", "string", `""`, "what to do about it: advice, or a command, a line each"},
				{"because", "string", `""`, "how it is known"},
			},
			Returns: "None", Errors: "rule is no such name; about is nothing that a finding can be about", Example: w.example,
		})
	}
	return rows
}

// paramRows are the kinds of parameter, each with what a step receives.
func paramRows() []Builtin {
	arg := map[string]Arg{
		"default":  {"default", "as the step gets it", "None", "what it is when the user gives none"},
		"doc":      {"doc", "string", `""`, "one line for `--help`"},
		"required": {"required", "bool", "False", "without it nothing runs"},
		"least":    {"least", "as the step gets it", "None", "the smallest that is allowed"},
		"most":     {"most", "as the step gets it", "None", "the largest that is allowed"},
		"choices":  {"choices", "list of string", "", "what may be given"},
		"after":    {"after", "bool", "False", "it takes what follows `--`"},
	}
	var rows []Builtin
	for _, k := range paramKinds {
		row := Builtin{Name: "param." + string(k.kind), Doc: "A parameter: " + k.gets + ".", Returns: "param", Errors: "outside of a file's top level; a default that is not of its kind", Pure: true, Example: k.example}
		for _, o := range k.takes {
			name, optional := cutOptional(o)
			a := arg[name]
			if !optional {
				a.Default = ""
			}
			row.Params = append(row.Params, a)
		}
		rows = append(rows, row)
	}
	return rows
}
