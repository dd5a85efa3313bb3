package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runbook/builtins/pysource"
)

var sourceNames = pysource.Names{
	Proxies:  regexp.MustCompile(`(?i)proxy$`),
	Channels: regexp.MustCompile(`chan$`),
	IDs:      regexp.MustCompile(`^mid$`),
	Locks:    regexp.MustCompile(`lock$`),
}

const bareProxy = `class BareProxy:
    async def ask(self, x):
        await self.chan.send(x)
        return await self.chan.receive()
`

const bareCaller = `import trio
async def f(größeProxy: "BareProxy"):
    with trio.move_on_after(1): ü = "漢"; await größeProxy.ask(ü)
`

// sourceTree writes files, by name and text.
func sourceTree(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readBoth reads with Python and without, and wants the same.
func readBoth(t *testing.T, paths ...string) PySources {
	t.Helper()
	aPython(t)
	h := live(t, LiveOptions{})
	ast, err := ReadPySources(context.Background(), h, PySourceRun{Paths: paths, Names: sourceNames})
	if err != nil {
		t.Fatal(err)
	}
	own, err := ReadPySources(context.Background(), h, PySourceRun{Paths: paths, Names: sourceNames, Builtin: true})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(ast.Reader, "ast of Python 3.") || !ast.ByAst || own.ByAst || own.Reader != "built-in parser" {
		t.Errorf("read by %q (%s) and %q", ast.Reader, ast.Why, own.Reader)
	}
	if !reflect.DeepEqual(ast.Scopes, own.Scopes) {
		t.Errorf("they differ:\n%+v\n%+v", ast.Scopes, own.Scopes)
	}
	return ast
}

func TestPySourcesAreReadWithPythonAndWithout(t *testing.T) {
	dir := sourceTree(t, "wire.py", bareProxy, "pkg/calls.py", strings.Replace(bareCaller, "import trio", "import trio; from wire import BareProxy", 1))
	got := readBoth(t, dir)
	if got.Files != 2 || got.Parsed != 2 || len(got.Scopes) != 1 || len(got.Scopes[0].Calls) != 1 {
		t.Fatalf("%+v", got)
	}
	call := got.Scopes[0].Calls[0]
	// Columns count characters, and the line has some of two and three bytes.
	if call.RoundTrip == nil || call.At.Line != 3 || call.At.Column != 48 || call.RoundTrip.Receive.Line != 4 || call.RoundTrip.Receive.Column != 22 {
		t.Errorf("%+v\n%+v", call, call.RoundTrip)
	}
}

func TestPySourcesOfOthersAreNotSearched(t *testing.T) {
	dir := sourceTree(t, "a.py", bareProxy, "sub/b.py", "", "env/pyvenv.cfg", "", "env/lib/c.py", "(", ".git/d.py", "(", "node_modules/e.py", "(",
		"__pycache__/f.py", "(", "lib/site-packages/g.py", "(", "notes.txt", "(", ".hidden/h.py", "(")
	got := readBoth(t, dir, dir, filepath.Join(dir, "a.py"))
	if got.Files != 2 || len(got.Problems) != 0 {
		t.Errorf("%d files, %+v", got.Files, got.Problems)
	}
	// What is named itself is read, whatever it is called and wherever it lies.
	got = readBoth(t, filepath.Join(dir, "notes.txt"), filepath.Join(dir, "env"))
	if got.Files != 2 || len(got.Problems) != 2 {
		t.Errorf("%d files, %+v", got.Files, got.Problems)
	}
	if _, err := ReadPySources(context.Background(), live(t, LiveOptions{}), PySourceRun{Paths: []string{filepath.Join(dir, "no.py")}}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestPySourcesThatCannotBeReadAreNamedAndOthersGoOn(t *testing.T) {
	dir := sourceTree(t, "a.py", bareProxy, "syntax.py", "def f(:\n", "binary.py", "x = 1\x00", "latin.py", "x = '\xe9'\n",
		"declared.py", "# coding: latin-1\nx = '\xe9'\n", "koi.py", "# coding: koi8-r\nx = '\xe9'\n", "bom.py", "\xef\xbb\xbfx = 1\n", "z.py", bareCaller)
	if err := os.Symlink("nowhere.py", filepath.Join(dir, "link.py")); err != nil {
		t.Fatal(err)
	}
	kinds := func(s PySources) []string {
		var out []string
		for _, p := range s.Problems {
			out = append(out, filepath.Base(p.Path)+" "+p.Kind)
		}
		return out
	}
	got := readBoth(t, dir)
	if want := []string{"binary.py binary", "latin.py binary", "link.py unreadable", "syntax.py syntax"}; !slices.Equal(kinds(got), want) {
		t.Errorf("got %q, want %q", kinds(got), want)
	}
	if p := got.Problems[3]; p.Line != 1 || p.Column == 0 || p.Text == "" {
		t.Errorf("%+v", p)
	}
	if len(got.Scopes) != 1 || got.Scopes[0].Calls[0].RoundTrip == nil {
		t.Errorf("%+v", got.Scopes)
	}
	own, err := ReadPySources(context.Background(), live(t, LiveOptions{}), PySourceRun{Paths: []string{dir}, Names: sourceNames, Builtin: true})
	if want := []string{"binary.py binary", "koi.py not-covered", "latin.py binary", "link.py unreadable", "syntax.py not-covered"}; err != nil || !slices.Equal(kinds(own), want) {
		t.Errorf("got %q, want %q; %v", kinds(own), want, err)
	}
}

// A file that an interpreter refuses may be written for a later one: then our
// own parser reads it. What neither understands is not called no Python where
// something may be in it.
func TestPySourcesThatAnInterpreterRefuses(t *testing.T) {
	const caller = "import trio\nasync def f(proxy: BareProxy):\n    with trio.move_on_after(1): await proxy.ask(1)\n"
	aPython(t)
	dir := sourceTree(t, "a.py", bareProxy, "later.py", "type Pair[T] = tuple[T, T]\n"+caller, "neither.py", caller+"def g(:\n", "quiet.py", "def g(:\n")
	if err := os.Symlink("a.py", filepath.Join(dir, "link.py")); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPySources(context.Background(), live(t, LiveOptions{}), PySourceRun{Paths: []string{dir}, Names: sourceNames})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, p := range got.Problems {
		kinds = append(kinds, filepath.Base(p.Path)+" "+p.Kind)
	}
	if want := []string{"neither.py unparsed", "quiet.py syntax"}; !slices.Equal(kinds, want) || !got.ByAst {
		t.Errorf("by %s: %q, want %q", got.Reader, kinds, want)
	}
	if len(got.Scopes) != 1 || filepath.Base(got.Scopes[0].At.Path) != "later.py" || got.Files != 4 {
		t.Errorf("%d files, %+v", got.Files, got.Scopes)
	}
}

func TestWithoutAPythonTheBuiltinParserSaysWhy(t *testing.T) {
	dir := sourceTree(t, "a.py", bareProxy+bareCaller)
	t.Setenv("PATH", "/nowhere")
	t.Setenv("VIRTUAL_ENV", "")
	t.Chdir(dir)
	got, err := ReadPySources(context.Background(), live(t, LiveOptions{}), PySourceRun{Paths: []string{"a.py"}, Names: sourceNames})
	if err != nil || got.ByAst || !strings.HasPrefix(got.Why, "no Python: ") || len(got.Scopes) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	// One that is no Python is no reason to give up either.
	fake := filepath.Join(sourceTree(t, "python", "#!/bin/sh\nexit 3\n"), "python")
	if err := os.Chmod(fake, 0o700); err != nil {
		t.Fatal(err)
	}
	got, err = ReadPySources(context.Background(), live(t, LiveOptions{}), PySourceRun{Paths: []string{"a.py"}, Names: sourceNames, Python: fake})
	if err != nil || got.ByAst || !strings.Contains(got.Why, "exit status 3") || len(got.Scopes) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A tree as large as a service is: 2,000 files, 10 MB, one in eight of which
// has scopes or exchanges, and half of which are async.
func BenchmarkPySources(b *testing.B) {
	var files []string
	filler := strings.Repeat("def plain(a, b=1, *args, c: int = 2, **kw) -> dict[str, int]:\n    x = {'k': [a + b * c for a in args if a], **kw}\n    return x['k'][0] if x else plain(a, b=f\"{a!r:>{b}}\")  # comment\n\n", 24)
	for i := range 2000 {
		text := filler
		switch {
		case i%16 == 0:
			text += fmt.Sprintf("class P%dProxy:\n    async def ask(self, x):\n        await self.chan.send(x)\n        return await self.chan.receive()\n", i)
		case i%16 == 8:
			text += fmt.Sprintf("import trio\nasync def f(proxy: 'P%dProxy'):\n    with trio.move_on_after(1):\n        await proxy.ask(1)\n", i-8)
		case i%2 == 0:
			text += "async def g(x):\n    await x.sleep(1)\n"
		}
		files = append(files, fmt.Sprintf("pkg%d/mod%d.py", i%40, i), text)
	}
	dir := sourceTree(b, files...)
	h, err := NewLive(LiveOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for _, own := range []bool{false, true} {
		b.Run(map[bool]string{false: "ast", true: "builtin"}[own], func(b *testing.B) {
			for b.Loop() {
				got, err := ReadPySources(context.Background(), h, PySourceRun{Paths: []string{dir}, Names: sourceNames, Builtin: own})
				if err != nil || got.ByAst == own || len(got.Scopes) != 125 || got.Scopes[0].Calls[0].RoundTrip == nil {
					b.Fatalf("%+v, %v", got, err)
				}
				b.SetBytes(int64(got.Bytes))
			}
		})
	}
}
