package builtins

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatWasProbablyMeant(t *testing.T) {
	at := t.TempDir()
	t.Chdir(at)
	for _, name := range []string{"tests/test_feed.py", "tests/unit/test_a.py"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"tests/test_fed.py":         "tests/test_fed.py: no such file or directory (did you mean tests/test_feed.py?)",
		"test/test_feed.py":         "test/test_feed.py: no such file or directory (did you mean tests/test_feed.py?)",
		"tests/units/none.py":       "tests/units/none.py: no such file or directory (did you mean tests/unit?)",
		"tests/zzz":                 "tests/zzz: no such file or directory",
		"tests/test_feed.py/x":      "tests/test_feed.py/x: not a directory",
		at + "/tests/test_feeed.py": at + "/tests/test_feeed.py: no such file or directory (did you mean " + at + "/tests/test_feed.py?)",
	} {
		_, err := os.Stat(name)
		if got := whyNotThere(name, err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
