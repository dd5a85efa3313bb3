package engine

// Rule is one kind of Problem.
type Rule struct {
	ID       string   `json:"id"` // stable; what a comment silences
	Severity Severity `json:"severity"`
	Doc      string   `json:"doc"` // one sentence
}

// Rules are the kinds of Problem that Check knows.
func Rules() []Rule { return rules }

var rules = []Rule{
	{"syntax", SeverityError, "The file is no Starlark, or uses what recipes do without."},
	{"name", SeverityError, "A name that nothing defines."},
	{"load", SeverityError, "The file, or one that it loads, cannot be read, or fails while it loads."},
	{"recipe", SeverityError, "recipe(…) or step(…) is missing, or is called wrongly."},
	{"param", SeverityError, "A parameter that no user could give: its type, its default or its name."},
	{"step-input", SeverityError, "A step takes what no parameter and no earlier step makes."},
	{"attribute", SeverityError, "A module, a record or another known value has no such attribute."},
	{"argument", SeverityError, "A builtin or a function is called with arguments that it does not take."},
	{"operator", SeverityError, "Two values are compared, added or formatted that cannot be."},
	{"recursion", SeverityError, "A function comes back to itself, which the language refuses."},
	{"frozen", SeverityError, "A step changes a list or dict of a file's top level, or a variable that is not its own: it fails."},
	{"effect", SeverityError, "A step can reach a builtin that acts, and does not request its effect."},
	{"kill-without-preview", SeverityError, "A step ends processes, and no step before it shows which."},
	{"match-everything", SeverityError, "A pattern that picks everything, where it is to pick something."},
	{"no-deadline", SeverityError, "A program is started that may run for ever."},
	{"one-kernel-wchan", SeverityError, "The name of a kernel function is compared with that of one kernel: others call it otherwise."},
	{"needless-effect", SeverityWarning, "A step requests an effect that it cannot have."},
	{"unreachable", SeverityWarning, "A step, a statement or a function that nothing comes to."},
	{"docstring", SeverityWarning, "The file or a step says nothing to the person with the problem."},
	{"summary", SeverityWarning, "recipe(…) has no summary: `runbook list` shows the title alone."},
	{"param-doc", SeverityWarning, "A parameter that help cannot explain."},
	{"unused-param", SeverityWarning, "A parameter that no step takes."},
	{"stale-doc", SeverityWarning, "The guidance names a flag, a step or a recipe that does not exist."},
	{"silence", SeverityWarning, "A comment that silences a rule gives no reason, or there is nothing to silence."},
}

func severityOf(id string) Severity {
	for _, r := range rules {
		if r.ID == id {
			return r.Severity
		}
	}
	return SeverityError
}
