package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestImportsRunOneWay holds the table of the design: which package may know
// which. A package may import the standard library but for what stdNot names,
// and of everything else only what may lists; "x/..." stands for all below x.
func TestImportsRunOneWay(t *testing.T) {
	type rule struct {
		may    []string
		stdNot []string
	}
	starts := []string{"os/exec"} // a way to start programs
	rules := map[string]rule{
		"runbook/engine/event": {stdNot: []string{"os", "os/exec", "net", "syscall"}},
		"runbook/engine":       {may: []string{"runbook/engine/event", "runbook/engine/misread", "go.starlark.net/...", "golang.org/x/mod/sumdb/dirhash"}, stdNot: []string{"os/exec", "net", "syscall"}},
		"runbook/engine/pack":  {may: []string{"golang.org/x/mod/sumdb/dirhash", "github.com/pelletier/go-toml/v2"}, stdNot: starts},
		"runbook/engine/sink":  {may: []string{"runbook/engine/event", "runbook/engine/markdown", "github.com/charmbracelet/...", "github.com/rivo/uniseg", "github.com/mattn/go-runewidth"}, stdNot: starts},
		// An editor's protocol: what is to be said of a recipe, engine says.
		"runbook/engine/lsp": {may: []string{"runbook/engine", "runbook/engine/format", "github.com/aymanbagabas/go-udiff"}, stdNot: append(starts, "net", "syscall")},
		// The formatter is as large as the language, and only fmt and the editor need it.
		"runbook/engine/format": {may: []string{"runbook/engine/misread", "github.com/bazelbuild/buildtools/build", "go.starlark.net/..."}, stdNot: append(starts, "os", "net", "syscall")},
		// The parser's words, for both of them.
		"runbook/engine/misread": {may: []string{"go.starlark.net/syntax"}, stdNot: append(starts, "os", "net", "syscall")},
		"runbook/engine/markdown": {may: []string{"github.com/charmbracelet/...", "github.com/yuin/goldmark/...", "github.com/muesli/termenv", "github.com/alecthomas/chroma/v2/...", "github.com/microcosm-cc/bluemonday"},
			stdNot: starts},
		// Pages of markdown in, files out: it knows no recipe, and writes nothing itself.
		"runbook/engine/site":          {may: []string{"runbook/engine/markdown"}, stdNot: append(starts, "os", "net", "net/http", "syscall")},
		"runbook/engine/site/sitetest": {may: []string{"golang.org/x/net/html"}, stdNot: starts},
		"runbook/builtins":             {may: []string{"runbook/engine", "runbook/engine/event", "runbook/builtins/probe", "runbook/builtins/probe/pystack", "runbook/builtins/graph", "runbook/builtins/pysource", "runbook/builtins/stats", "go.starlark.net/...", "github.com/pelletier/go-toml/v2"}, stdNot: starts},
		"runbook/builtins/stage": {may: []string{"runbook/builtins", "runbook/builtins/probe", "runbook/builtins/probe/world", "runbook/engine", "runbook/engine/event", "go.starlark.net/..."},
			stdNot: starts},
		"runbook/builtins/recipetest": {may: []string{"runbook/builtins", "runbook/builtins/probe", "runbook/builtins/stage", "runbook/engine", "runbook/engine/event", "go.starlark.net/...", "github.com/rogpeppe/go-internal/txtar"},
			stdNot: starts},
		"runbook/builtins/graph":         {stdNot: []string{"os", "os/exec"}},
		"runbook/builtins/pysource":      {stdNot: []string{"os", "os/exec"}},
		"runbook/builtins/stats":         {stdNot: []string{"os", "os/exec"}},
		"runbook/builtins/probe":         {may: []string{"runbook/builtins/pysource", "github.com/vishvananda/netlink/...", "golang.org/x/sys/..."}},
		"runbook/builtins/probe/pystack": {may: []string{"runbook/builtins/probe", "golang.org/x/sys/unix"}, stdNot: starts},
		"runbook/builtins/probe/world":   {may: []string{"runbook/builtins/probe", "runbook/builtins/probe/pystack"}},
		"runbook/builtins/probe/...":     {may: []string{"runbook/builtins/probe", "runbook/builtins/probe/world", "golang.org/x/tools/txtar", "github.com/rogpeppe/go-internal/txtar"}},
		"runbook/recipes":                {},
		// A little more of the standard library: whoever may import regexp may import it.
		"runbook/engine/lazyregexp": {stdNot: append(starts, "os", "net", "syscall")},
		"runbook/cmd/runbook": {may: []string{"runbook/...", "github.com/spf13/...", "golang.org/x/sys/...", "golang.org/x/term",
			"github.com/pelletier/go-toml/v2", "github.com/charmbracelet/x/ansi", "github.com/aymanbagabas/go-udiff",
			"go.starlark.net/starlark", "github.com/peterh/liner"}}, // the prompt shows values, and completes their fields
	}
	for pkg, imports := range ourImports(t) {
		r, ok := rules[pkg]
		if !ok {
			r, ok = rules[path.Dir(pkg)+"/..."]
		}
		if !ok {
			t.Errorf("%s is in no row of the table", pkg)
			continue
		}
		for imported, file := range imports {
			switch first, _, _ := strings.Cut(imported, "/"); {
			case !strings.Contains(first, ".") && first != "runbook":
				if slices.Contains(r.stdNot, imported) {
					t.Errorf("%s imports %s (%s)", pkg, imported, file)
				}
			case imported == "runbook/engine/lazyregexp":
			case !allows(r.may, imported):
				t.Errorf("%s imports %s (%s)", pkg, imported, file)
			case strings.HasPrefix(imported, "github.com/charmbracelet/glamour") && pkg != "runbook/engine/markdown":
				t.Errorf("%s imports glamour (%s): only engine/markdown knows it", pkg, file)
			}
		}
	}
}

func allows(list []string, imported string) bool {
	for _, l := range list {
		if all, ok := strings.CutSuffix(l, "/..."); l == imported || ok && (imported == all || strings.HasPrefix(imported, all+"/")) {
			return true
		}
	}
	return false
}

// ourImports reads, by package, what each imports and one file that does;
// tests aside, which may know more.
func ourImports(t *testing.T) map[string]map[string]string {
	t.Helper()
	top := filepath.Join("..", "..")
	out := map[string]map[string]string{}
	err := fs.WalkDir(os.DirFS(top), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".") && name != "." || e.Name() == "testdata"):
			return fs.SkipDir
		case e.IsDir() && name != "." && isModule(filepath.Join(top, name)):
			return fs.SkipDir // a module of its own, such as the stand-in for a library
		case e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Join("runbook", path.Dir(name))
		if out[pkg] == nil {
			out[pkg] = map[string]string{}
		}
		for _, i := range f.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			out[pkg][imported] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 5 {
		t.Fatalf("found only %d packages: is the walk right?", len(out))
	}
	return out
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
