package engine

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// An input that needs too much is refused, and what was at hand is kept.
func TestASessionOutlivesAValueThatIsTooLarge(t *testing.T) {
	s := (&Engine{}).Session(SessionRequest{Library: &Library{}, Root: &Root{}, Sink: event.Tee(func(event.Sink, error) {}), Memory: 32 << 20})
	typed := func(text string) (last starlark.Value, err error) {
		lines := strings.SplitAfter(text+"\n", "\n")
		in, err := s.Read(func() (string, error) { l := lines[0]; lines = lines[1:]; return l, nil })
		if err != nil {
			return nil, err
		}
		err = in.Run(t.Context(), func(v starlark.Value) { last = v })
		return last, err
	}
	if _, err := typed(`keep, text, list, other, n, grown = 41, "x" * 1000, [0] * 1000, [0], 100000000, "x"`); err != nil {
		t.Fatal(err)
	}
	const used, fits = "used more than 32 MiB of memory", " the result would need "
	for _, test := range []struct{ text, want string }{
		{"[[i] for i in range(2000000)]", used},
		{"big = [i for i in range(1000) for j in range(10000)]", used},
		{"for i in range(60):\n    grown = grown + grown\n", fits},
		{"for i in range(60):\n    grown += grown\n", fits},
		{"for i in range(60):\n    other = other * 2\n", fits},
		{"def f(t):\n    return [t * 1000 for i in range(100000)]\n\n", ""},
		{"f(text)", used},
		{"text * 1000000", fits},
		{"[0] * (n // 2)", fits},
		{"[0] * 50000000", fits},
		{"n * \"x\"", fits},
		{"list *= n", fits},
		{"list(range(n))", "range: a list of 100,000,000 numbers would need 1,525 MiB of memory; a session has 32 MiB"},
		{"[text for i in list for j in range(1000) for k in range(10)]", used},
	} {
		_, err := typed(test.text)
		if err == nil && test.want != "" || err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ":1:") && !strings.Contains(err.Error(), ":2:")) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
		if v, err := typed("(keep + 1, len(list))"); err != nil || v.String() != "(42, 1000)" {
			t.Fatalf("after %s: %v, %v", test.text, v, err)
		}
	}

	// What grew in place stays, and the session says what helps.
	for _, text := range []string{"grown = None", "big = [0] * 1000000"} {
		if _, err := typed(text); err != nil {
			t.Fatal(err)
		}
	}
	_, err := typed("for i in range(3):\n    list.extend(big)\n")
	if err == nil || !strings.Contains(err.Error(), used) {
		t.Errorf("extend: %v", err)
	}
	if script, ok := err.(*ScriptError); !ok || !strings.Contains(script.Hint, "None") {
		t.Errorf("no hint: %+v", err)
	}
	for _, text := range []string{"len(list)", "list = None", "[i for i in range(100000)]"} {
		if _, err := typed(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, name := range s.Names().Keys() {
		if strings.Contains(name, "·") || name == "range" {
			t.Errorf("%q is at hand", name)
		}
	}
}
