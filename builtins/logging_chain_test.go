package builtins

import (
	"testing"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

// loggingSamples are values of the kinds of a logging audit, see samples.
func loggingSamples() map[string][]starlark.Value {
	frame := probe.LoggingFrame{File: "/a/app.py", Line: 3, Function: "f"}
	full := newLoggingAudit(probe.LoggingChains{
		Chains: []probe.LoggingChain{{
			Name: "app.feed", OwnCode: []string{"handle"}, Adapter: "A", AdapterOnly: []int{0},
			Loggers: []probe.LoggingLogger{{Name: "app.feed", Filters: []string{"F"}, Handlers: []int{0}, Reached: true}},
			Levels:  []probe.LoggingLevel{{Level: 10, Name: "DEBUG", Why: "w"}, {Level: 30, Name: "WARNING", On: true, Hits: []probe.LoggingHit{{Logger: "app", Via: "v", Result: "prints", Text: "t", Error: "e", Later: "l"}, {}}}},
		}},
		Handlers: []probe.LoggingHandler{{Class: "StreamHandler", Name: "n", Formatter: "Formatter", Format: "%(message)s", Needs: []string{"a"}, Place: "stderr", Target: "sys.stderr", Wrong: "w",
			Added: []probe.LoggingAdded{{Logger: "app", Stack: []probe.LoggingFrame{frame, frame}, Through: "basicConfig", During: "import app"}}}},
		Disable: "ERROR", Python: "/py", Version: "3.11.7",
	}, boot)
	none := newLoggingAudit(probe.LoggingChains{Failed: &probe.LoggingFailure{}}, time.Time{})
	problem := probe.PythonProblem{Type: "ImportError", Text: "t", Traceback: "tb", File: "/a.py", Line: 1}
	get := func(v starlark.Value, name string) *starlark.List {
		list, _ := v.(starlark.HasAttrs).Attr(name)
		return list.(*starlark.List)
	}
	chain := get(full, "chains").Index(0)
	levels := get(chain, "levels")
	return map[string][]starlark.Value{
		"logging_audit":   {full, none},
		"logging_chain":   {chain},
		"logger":          {get(chain, "loggers").Index(0)},
		"logging_handler": {get(chain, "handlers").Index(0), newLoggingHandler(probe.LoggingHandler{}, time.Time{})},
		"logging_level":   {levels.Index(0), levels.Index(1)},
		"logging_hit":     {get(levels.Index(1), "hits").Index(0), get(levels.Index(1), "hits").Index(1)},
		"python_failure":  {newPythonFailure(problem, "import a", boot), newPythonFailure(probe.PythonProblem{}, "", time.Time{})},
	}
}

func TestWhoAddedAHandlerIsSaidAsShortAsItCanBeFound(t *testing.T) {
	own, caller := probe.LoggingFrame{File: "/p/log.py", Line: 8, Function: "console"}, probe.LoggingFrame{File: "/p/app.py", Line: 3, Function: "<module>"}
	theirs := probe.LoggingFrame{File: "/v/lib/python3.11/site-packages/tractor/log.py", Line: 250}
	t.Chdir(t.TempDir())
	added := func(through, during string, stack ...probe.LoggingFrame) probe.LoggingHandler {
		return probe.LoggingHandler{Class: "StreamHandler", Added: []probe.LoggingAdded{{Again: true}, {Stack: stack, Through: through, During: during}}}
	}
	for _, c := range []struct {
		handler probe.LoggingHandler
		want    string
	}{
		{added("", "import app", caller), "/p/app.py:3"},
		{added("", "import app", own, caller), "/p/log.py:8, from /p/app.py:3"},
		{added("", "import app", theirs, theirs, caller), "tractor/log.py:250, from /p/app.py:3"},
		{added("basicConfig", "import app", caller), "basicConfig() at /p/app.py:3"},
		{added("", "call log:console", own), "/p/log.py:8, from --call console"},
		{added("basicConfig", "call logging:basicConfig"), "basicConfig() by --call logging:basicConfig"},
		{probe.LoggingHandler{Made: []probe.LoggingFrame{own}}, "made at /p/log.py:8"},
		{probe.LoggingHandler{}, ""},
	} {
		if got := siteText(c.handler); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
