package builtins

import "testing"

func TestTOML(t *testing.T) {
	r := newRun(nil)
	got := r.text(t, `out = toml.decode("a = 1\nb = [1.5, true, 'x']\n[c]\nd = 1979-05-27T07:32:00Z\ne = 1979-05-27\n[[f]]\ng = 'h'\n[[f]]\n")`)
	want := `{"a": 1, "b": [1.5, True, "x"], "c": {"d": 1979-05-27 07:32:00 +0000 UTC, "e": "1979-05-27"}, "f": [{"g": "h"}, {}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wantError(t, r.fails(t, `out = toml.decode("a = 1\nb = = 2\n")`), "toml.decode: line 2, column 5")
}
