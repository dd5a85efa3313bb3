package builtins

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runbook/engine"
)

func TestTOML(t *testing.T) {
	r := newRun(nil)
	got := r.text(t, `out = toml.decode("a = 1\nb = [1.5, true, 'x']\n[c]\nd = 1979-05-27T07:32:00Z\ne = 1979-05-27\n[[f]]\ng = 'h'\n[[f]]\n")`)
	want := `{"a": 1, "b": [1.5, True, "x"], "c": {"d": 1979-05-27 07:32:00 +0000 UTC, "e": "1979-05-27"}, "f": [{"g": "h"}, {}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wantError(t, r.fails(t, `out = toml.decode("a = 1\nb = = 2\n")`), "toml.decode: line 2, column 5")
}

func TestReadTable(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a.toml": "b = 1\n", "a.json": `{"b": [1, null]}`, "bad.toml": "b = = 2\n", "bad.json": `{"b": [}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, want string }{
		{"a.toml", `{"b": 1}`},
		{"a.json", `{"b": [1, None]}`},
		{"bad.toml", "bad.toml is no TOML: line 1, column 5: "},
		{"bad.json", "bad.json is no JSON: at offset 7, unexpected character '}'"},
		{"none.json", "none.json: no such file or directory"},
	} {
		r := newRun(nil)
		path := filepath.Join(dir, c.name)
		r.named = map[string]engine.Kind{path: engine.KindPath}
		if strings.HasPrefix(c.want, "{") {
			if got := r.text(t, fmt.Sprintf("out = read_table(%q)", path)); got != c.want {
				t.Errorf("%s: got %s", c.name, got)
			}
			continue
		}
		wantError(t, r.fails(t, fmt.Sprintf("read_table(%q)", path)), c.want)
	}
}
