package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadTextReadsTextAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a.json": "[]\n", "binary": "\xff\x00", "large": strings.Repeat("x", maxText+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadText(filepath.Join(dir, "a.json")); err != nil || got != "[]\n" {
		t.Errorf("%q %v", got, err)
	}
	for name, want := range map[string]string{"binary": "not a text", "large": "larger than 1 MiB", "none": "no such file", ".": "not a regular file"} {
		_, err := ReadText(filepath.Join(dir, name))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestBindspacesAreWhereActorsPutTheirSockets(t *testing.T) {
	env := map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}
	if got := Bindspaces(func(n string) string { return env[n] }, 7); strings.Join(got, " ") != "/run/user/7/tractor" {
		t.Errorf("got %v", got)
	}
	if got := Bindspaces(func(string) string { return "" }, 7); len(got) != 2 || got[0] != "/run/user/7/tractor" || !strings.HasSuffix(got[1], "/runtime-7/tractor") {
		t.Errorf("got %v", got)
	}
}
