package recipes_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"runbook/engine"
)

// TestCompiledIsWhatTheRecipesSay: a recipe that was changed and not compiled
// would still run, from its text, and slower than anybody notices.
func TestCompiledIsWhatTheRecipesSay(t *testing.T) {
	want, err := engine.CompileShipped(library())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll("compiled"); err != nil {
			t.Fatal(err)
		}
		for name, data := range want {
			file := filepath.Join("compiled", filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := 0
	err = filepath.WalkDir("compiled", func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kept++
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel("compiled", file)
		if err != nil {
			return err
		}
		if !bytes.Equal(data, want[filepath.ToSlash(name)]) {
			t.Errorf("%s is not what the recipe says; write it anew: go test ./recipes -update", file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept != len(want) {
		t.Errorf("%d programs are kept of %d files; write them anew: go test ./recipes -update", kept, len(want))
	}
}
