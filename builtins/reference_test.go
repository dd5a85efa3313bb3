package builtins

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestTheReferenceIsUpToDate(t *testing.T) {
	golden(t, "README.md", Reference(Table(Options{})))
}

// TestEffects lists what every builtin may do. A builtin that gains an effect
// shows up here, in a diff that somebody reads.
func TestEffects(t *testing.T) {
	var b strings.Builder
	for _, f := range Table(Options{}) {
		pure := ""
		if f.Pure {
			pure = "pure"
		}
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%-10s %-5s %s", f.Name, strings.Trim(effectName(f), "*"), pure)))
	}
	golden(t, "testdata/effects.golden", b.String())
}

func TestEveryBuiltinIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Table(Options{}) {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		if f.Doc == "" || f.Returns == "" || f.Example == "" || f.Func == nil {
			t.Errorf("%s: incomplete row: %+v", f.Name, f)
		}
		first, _, _ := strings.Cut(f.Doc, "\n")
		if !regexp.MustCompile(`[.?!]$`).MatchString(first) {
			t.Errorf("%s: the first line is no sentence: %q", f.Name, first)
		}
		optional := false
		for _, p := range f.Params {
			if p.Type == "" || p.Doc == "" {
				t.Errorf("%s: parameter %s lacks its type or meaning", f.Name, p.Name)
			}
			if optional && p.Default == "" {
				t.Errorf("%s: parameter %s has no default, but one before it has", f.Name, p.Name)
			}
			optional = p.Default != ""
		}
	}
}

func TestTheReferenceSaysWhatABuiltinMayDo(t *testing.T) {
	text := Reference(Table(Options{}))
	for _, want := range []string{
		"ps(match = None, pid = [], relatives = True)",
		"Needs **kill**. |",
		"## type socket",
		"| `recv_q` | int or None | bytes that the process has not read |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the reference lacks %q", want)
		}
	}
}
