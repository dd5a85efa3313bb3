package builtins

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runbook/engine"
)

// Nothing of the reference is missing in the stubs: no builtin, no word, no
// argument, no type, no field.
func TestStubsHoldTheReference(t *testing.T) {
	text := Stubs(Table(Options{}))
	for _, row := range slices.Concat(Table(Options{}), engine.Words()) {
		space, name, dotted := strings.Cut(row.Name, ".")
		within, indent := text, ""
		if dotted {
			_, rest, ok := strings.Cut(text, "\nclass _"+camel(space)+":\n")
			if !ok || !strings.Contains(text, "\n"+space+": _"+camel(space)+"\n") {
				t.Errorf("no module %s", space)
			}
			within, _, _ = strings.Cut(rest, "\n"+space+": _")
			indent = "    "
		} else {
			name = row.Name
		}
		def := regexp.MustCompile(`(?m)^` + indent + `def ` + name + `\((.*)\) -> .*:$`).FindStringSubmatch(within)
		if def == nil {
			t.Errorf("no %s", row.Name)
			continue
		}
		for _, p := range row.Params {
			if !strings.Contains(def[1], p.Name+": ") || (p.Default != "") != strings.Contains(regexp.QuoteMeta(def[1])+",", " = \\.\\.\\.") && len(row.Params) == 1 {
				t.Errorf("%s: argument %s is not as in the reference: %s", row.Name, p.Name, def[1])
			}
		}
	}
	for _, kind := range Types() {
		_, rest, ok := strings.Cut(text, "\nclass "+camel(kind.Name)+":\n")
		if !ok {
			t.Errorf("no type %s", kind.Name)
			continue
		}
		rest, _, _ = strings.Cut(rest, "\nclass ")
		for _, f := range kind.Fields {
			if !strings.Contains(rest, "\n    "+f.Name+": ") {
				t.Errorf("%s: no field %s", kind.Name, f.Name)
			}
		}
	}
	for _, want := range []string{
		"def ps(match: Regexp | str | None = ..., pid: int | Process | Sequence[int | Process] = ..., relatives: bool = ...) -> list[Process]:",
		"    recv_q: int | None\n", "    age: Duration",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
}

// Python reads them.
func TestStubsAreStubs(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cmd := exec.Command(python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	cmd.Stdin = strings.NewReader(Stubs(Table(Options{})))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
