package engine

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"testing/fstest"
)

// A program serves only for the text that it was made of, and only a run: here
// it is of another text, so that its summary tells whether it was taken.
func TestAShippedRecipeRunsFromItsProgram(t *testing.T) {
	const text = "\"\"\"# Small\n\nMore.\"\"\"\nload('lib/words.star', 'w')\ndef a():\n    \"\"\"A\"\"\"\nrecipe(summary = w + ' text', steps = [a])\n"
	const words = "w = 'from'\n"
	root := Root{Name: "embedded", Embedded: true, FS: tree(map[string]string{"small.star": text, "lib/words.star": words, "small_test.star": "x = 1\n"})}
	made, err := CompileShipped(&Library{Roots: []Root{{Name: "embedded", Embedded: true, FS: tree(map[string]string{
		"small.star": strings.Replace(text, "text", "program", 1), "lib/words.star": words, "small_test.star": "x = 1\n",
	})}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 2 {
		t.Fatalf("%d programs; want those of small.star and lib/words.star", len(made))
	}
	digest := sha256.Sum256([]byte(text))
	program := append(digest[:], made["small.starc"][sha256.Size:]...)

	for _, test := range []struct {
		name string
		lib  func(*Library)
		data []byte
		want string
	}{
		{"its program", nil, program, "from program"},
		{"a program of another text", nil, made["small.starc"], "from text"},
		{"a program that is cut", nil, program[:len(program)-9], "from text"},
		{"a program of another Starlark", nil, append(digest[:], "!sky\x00\x00\x00\x00"...), "from text"},
		{"no program", nil, nil, "from text"},
		{"what its lines see is noted", func(l *Library) { l.Explain = &Explain{} }, program, "from text"},
		{"it is a team's", func(l *Library) { l.Roots[0].Embedded = false }, program, "from text"},
		{"nobody asks for programs", func(l *Library) { l.Compiled = nil }, program, "from text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			compiled := fstest.MapFS{"lib/words.starc": {Data: made["lib/words.starc"]}}
			if test.data != nil {
				compiled["small.starc"] = &fstest.MapFile{Data: test.data}
			}
			lib := &Library{Roots: []Root{root}, Compiled: compiled}
			if test.lib != nil {
				test.lib(lib)
			}
			r, err := lib.Find(context.Background(), "small")
			if err != nil {
				t.Fatal(err)
			}
			if r.Summary != test.want {
				t.Errorf("it says %q; want %q", r.Summary, test.want)
			}
			if want := "# Small\n\nMore."; r.Doc != want || r.Title != "Small" || r.Source != text || !strings.HasSuffix(r.Pos, "small.star:7:7") {
				t.Errorf("%q %q at %s; want the doc %q", r.Doc, r.Title, r.Pos, want)
			}
		})
	}
}
