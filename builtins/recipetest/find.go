package recipetest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"runbook/engine"
)

// File is a file of tests.
type File struct {
	Path   string `json:"path"`   // on disk, as it was asked for
	Dir    string `json:"dir"`    // of the recipes: the first root
	Recipe string `json:"recipe"` // whose tests they are; "" = of what recipes share
	Story  bool   `json:"story"`  // a txtar file; else Starlark
}

// Title begins the names of the tests in the file.
func (f File) Title() string {
	base := filepath.Base(f.Path)
	switch {
	case f.Story && strings.HasSuffix(base, "_test.txtar"):
		return f.Recipe
	case f.Story:
		return f.Recipe + "/" + strings.TrimSuffix(base, ".txtar")
	case filepath.Clean(f.Dir) != filepath.Dir(f.Path):
		return "lib/" + strings.TrimSuffix(base, "_test.star")
	}
	return strings.TrimSuffix(base, "_test.star")
}

// ErrNone is the error of looking for tests where there are none.
var ErrNone = errors.New("no tests there")

// Find lists the test files that a path means: such a file itself, the tests of
// a recipe file, or all of a directory. They are sorted, each once. Errors:
// ErrNone, or what the file system said.
func Find(path string) ([]File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var found []File
	switch {
	case info.IsDir():
		found = in(path)
		if below := filepath.Join(path, ".runbook"); len(found) == 0 && isDir(below) {
			found = in(below)
		}
	default:
		if f, ok := testFile(path); ok {
			return []File{f}, nil
		}
		name, isRecipe := strings.CutSuffix(filepath.Base(path), ".star")
		if !isRecipe {
			return nil, fmt.Errorf("%s: %w: want a .star or .txtar file, or a directory", path, ErrNone)
		}
		dir := filepath.Dir(path)
		found = those(filepath.Join(dir, name+"_test.star"), filepath.Join(dir, name+"_test.txtar"), filepath.Join(dir, "testdata", name, "*.txtar"))
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: %w: want %s_test.star beside it", path, ErrNone, name)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w: want NAME_test.star, NAME_test.txtar or testdata/NAME/*.txtar", path, ErrNone)
	}
	return found, nil
}

func in(dir string) []File {
	// Also the stories of one recipe, when that directory is named.
	return those(filepath.Join(dir, "*_test.star"), filepath.Join(dir, "lib", "*_test.star"), filepath.Join(dir, "*_test.txtar"),
		filepath.Join(dir, "testdata", "*", "*.txtar"), filepath.Join(storiesOnly(dir), "*.txtar"))
}

// storiesOnly is dir if it is testdata/NAME.
func storiesOnly(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil && filepath.Base(filepath.Dir(abs)) == "testdata" {
		return dir
	}
	return os.DevNull
}

func those(patterns ...string) []File {
	var found []File
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern) // only a bad pattern is an error, of our own making
		for _, p := range paths {
			if f, ok := testFile(p); ok {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Title(), b.Title()), strings.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(found, func(a, b File) bool { return a.Path == b.Path })
}

// testFile reads from its path whose tests a file holds.
func testFile(path string) (File, bool) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	f := File{Path: path, Dir: dir}
	if name, ok := strings.CutSuffix(base, "_test.txtar"); ok {
		f.Recipe, f.Story = name, true
		return f, true
	}
	if strings.HasSuffix(base, ".txtar") {
		abs, err := filepath.Abs(dir)
		f.Story, f.Recipe, f.Dir = true, filepath.Base(abs), filepath.Dir(filepath.Dir(abs))
		if cwd, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
			if rel, err := filepath.Rel(cwd, f.Dir); err == nil {
				f.Dir = rel
			}
		}
		return f, err == nil && filepath.Base(filepath.Dir(abs)) == "testdata"
	}
	if !engine.IsTest(base) {
		return f, false
	}
	name := strings.TrimSuffix(base, "_test.star")
	if abs, err := filepath.Abs(dir); err == nil && filepath.Base(abs) == "lib" {
		f.Dir = filepath.Join(dir, "..")
		return f, true
	}
	if _, err := os.Stat(filepath.Join(dir, name+".star")); !errors.Is(err, fs.ErrNotExist) {
		f.Recipe = name
	}
	return f, true
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func writeBelow(dir, name, text string) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("file %q: want a path below the test's own directory", name)
	}
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
