package misread

import "strings"

// words are those that Python has and Starlark only keeps free.
var words = map[string]string{
	"class":    `there are no classes: struct(name = "x") is a value with fields`,
	"import":   `there is no import: load("lib/actors.star", "find_trees") for recipes; the words for the machine are there`,
	"from":     `there is no import: load("lib/actors.star", "find_trees") for recipes; the words for the machine are there`,
	"try":      `there are no exceptions: ask before (x != None, "key" in d); what cannot be looked at ends the step as unknown`,
	"except":   `there are no exceptions: ask before (x != None, "key" in d); what cannot be looked at ends the step as unknown`,
	"finally":  `there are no exceptions: a word puts back what it changed, also when the step fails`,
	"raise":    `there are no exceptions: fail("why") ends the step`,
	"with":     `there is no with: a word closes what it opens`,
	"yield":    `there are no generators: append to a list, and return it`,
	"async":    `there is no async: a step does one thing after the other`,
	"await":    `there is no await: a call comes back when it is done`,
	"del":      `there is no del: d.pop("key"), or a new list of what is to stay`,
	"global":   `there is no global: return the value; later steps take it by the step's name`,
	"nonlocal": `there is no nonlocal: return the value`,
}

// Names are names that Python has and a recipe has not, with what says it there.
var Names = map[string]string{
	"open":       "a recipe opens no files: see runbook docs builtins for what looks at the machine",
	"isinstance": `type(x) == "string"`,
	"sum":        "add them in a loop",
	"map":        "[f(x) for x in xs]",
	"filter":     "[x for x in xs if f(x)]",
	"round":      "int(x + 0.5), or math.round(x)",
	"re":         `regexp("…").search(text) is there without an import`,
	"os":         "a recipe has words for the machine in place of os: see runbook docs builtins",
	"sys":        "a recipe has words for the machine in place of sys: see runbook docs builtins",
	"subprocess": "a recipe starts programs with words that ask for it: see runbook docs builtins",
	"Exception":  `there are no exceptions: fail("why") ends the step`,
	"exit":       `stop("why") ends the recipe`,
	"quit":       `stop("why") ends the recipe`,
}

// pythonism is how a recipe says what was probably meant by a word that was not
// expected.
func pythonism(source string, at int, got, msg string) string {
	if hint := words[got]; hint != "" {
		return hint
	}
	before := strings.TrimRight(source[:at], " \t\r\n")
	after := source[at:]
	switch {
	case got == "is" && strings.HasPrefix(strings.TrimLeft(after[len("is"):], " \t"), "not "):
		return "there is no is not: x != None"
	case got == "is":
		return "there is no is: x == None"
	case got == "string literal" && prefixAt(source, at) < at:
		if p := prefixAt(source, at); strings.ContainsAny(source[p:at], "fFtT") {
			return `there are no f-strings: "a %s" % x, or "a {}".format(x)`
		}
	case got == "string literal" && (strings.HasSuffix(before, `"`) || strings.HasSuffix(before, "'")):
		return `strings side by side are two: "a" + "b"`
	case got == "identifier" && endsInWord(before, "assert"):
		return `there is no assert: if not x: fail("why"); in a test: assert.true(x)`
	case (got == "':'" || got == "'='") && strings.Contains(source[max(at-1, 0):min(at+2, len(source))], ":="):
		return "there is no := : give it its value on a line of its own"
	case got == "'-'" && strings.HasPrefix(after, "->"), got == "':'" && isParam(source, at, msg):
		return "there are no types in the text: leave them out"
	case got == "','" && strings.HasSuffix(msg, "want ':'"):
		return "a set is set([1, 2])"
	case strings.HasPrefix(msg, "unexpected input character '@'"):
		return "there are no decorators: step(fn, needs = […]) says what a step needs"
	case strings.Contains(msg, " does not associate with "):
		return "a < b and b < c"
	case strings.HasPrefix(msg, "conditional expression") && strings.Contains(line(after), " is "):
		return "there is no is: x == None"
	}
	return ""
}

func endsInWord(text, word string) bool {
	rest, ok := strings.CutSuffix(text, word)
	return ok && strings.TrimRight(rest, " \t") == rest[:strings.LastIndexByte(rest, '\n')+1]
}

// isParam reports whether a colon stands behind the name of a parameter.
func isParam(source string, at int, msg string) bool {
	start := strings.LastIndexByte(source[:at], '\n') + 1
	head := strings.TrimLeft(source[start:at], " \t")
	name := strings.TrimRight(head, " \t")
	last := name[max(len(name)-1, 0):]
	return strings.HasPrefix(head, "def ") && strings.Contains(head, "(") && strings.HasSuffix(msg, "want ')'") && last != "(" && last != ","
}
