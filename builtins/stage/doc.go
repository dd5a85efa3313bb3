// Package stage puts something written in the place of the machine, so that a
// recipe can be run in a test: what is there, and what the programs come to that
// the recipe starts. Nothing of it reaches a host.
//
//	part of a story      what it stands for
//	world                processes, sockets, pipes: see package world
//	snapshot             a capture, by its path beside the story
//	repo                 a repository, and what a test comes to in it: see repo.go
//	pytest, listeners …  any word of Go: a JSON object a line, see rows.go
package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.starlark.net/starlark"

	"runbook/builtins"
	"runbook/builtins/probe"
	"runbook/builtins/probe/world"
	"runbook/engine"
)

// Scene is what a story says of the machine.
type Scene struct {
	Parts map[string]string // by name: "world", "pytest" …
	Dir   string            // in which "snapshot" is looked for
	Files string            // the only directory in which files may be read and written; "" = none
}

// Set is a table of builtins that play a scene. It serves one run.
type Set struct {
	Builtins []engine.Builtin
	Host     *probe.Snapshot

	ran   []string // programs, in order
	shows bool     // a tree is shown to up
}

// parts are the names that are no word of Go.
var parts = []string{"world", "snapshot", "repo"}

// Plays reports whether a part of that name stands for something of the machine.
func Plays(name string) bool {
	return slices.Contains(parts, name) || slices.Contains(words(), name)
}

// Nearest is the name of a part, or of others, that was probably meant; "" when
// none is near.
func Nearest(name string, others ...string) string {
	return engine.Nearest(name, slices.Concat(parts, others, words()))
}

// OfModule reports whether a name begins as those of a group of words do: git.x.
func OfModule(name string) bool {
	module, _, dotted := strings.Cut(name, ".")
	return dotted && slices.ContainsFunc(words(), func(w string) bool { return strings.HasPrefix(w, module+".") })
}

// unwritten are words that look at what no world need have lines for. They find
// nothing there, unless a part says what.
var unwritten = []string{"listeners", "uds_files", "shm", "not_there"}

// empty reports whether a word looks at what the scene says nothing of.
func (s Scene) empty(word string, host *probe.Snapshot) bool {
	if _, captured := s.Parts["snapshot"]; captured || !slices.Contains(unwritten, word) {
		return false
	}
	_, err := host.ReadFile(context.Background(), "1/net/tcp", nil) // a world in which somebody listens has it
	return word != "listeners" || err != nil
}

// words are the names in the table of builtins.
var words = sync.OnceValue(func() []string {
	var names []string
	for _, b := range builtins.Table(builtins.Options{}) {
		names = append(names, b.Name)
	}
	return names
})

// New reads a scene. Errors: *Mistake.
func New(s Scene) (*Set, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	set := &Set{Host: host, Builtins: builtins.Table(builtins.Options{Host: host})}
	for i := range set.Builtins {
		b := &set.Builtins[i]
		set.fence(b, s.Files)
		if b.Effect == engine.Run && b.Name != "pysource" || b.Effect == engine.Write && b.Name != "junit" { // which the fence keeps in; where nothing can be run, pysource runs nothing
			refuse(b)
		}
	}
	if text, ok := s.Parts["repo"]; ok {
		if err := set.playRepo(text); err != nil {
			return nil, in("repo", err)
		}
	}
	for i := range set.Builtins {
		b := &set.Builtins[i]
		text, ok := s.Parts[b.Name]
		if !ok && !s.empty(b.Name, host) {
			continue
		}
		rows, err := readRows(b, text)
		if err != nil {
			return nil, in(b.Name, err)
		}
		set.playRows(b, rows)
	}
	return set, nil
}

// host is the machine that is looked at: without any part for it one on which
// nothing runs.
func (s Scene) host() (*probe.Snapshot, error) {
	text, written := s.Parts["world"]
	file, captured := s.Parts["snapshot"]
	switch {
	case written && captured:
		return nil, in("snapshot", errors.New("there is a world, too: one machine is enough"))
	case captured:
		name := strings.TrimSpace(file)
		if !filepath.IsLocal(name) {
			return nil, in("snapshot", fmt.Errorf("%q: want the path of a file beside the test", name))
		}
		h, err := capture(s.Dir, name)
		if err != nil {
			return nil, in("snapshot", fmt.Errorf("%s: %w", name, err))
		}
		return h, nil
	}
	h, err := world.Parse(text)
	if err != nil {
		return nil, worldMistake(err)
	}
	return h, nil
}

func capture(dir, name string) (*probe.Snapshot, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no such file beside the test")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return probe.ReadSnapshot(f)
}

// Now is the clock of the machine: it stands still but for sample().
func (s *Set) Now() time.Time { return s.Host.Now() }

// Ran lists the programs that were started, in order; equal ones once, with how
// often.
func (s *Set) Ran() []string {
	var out []string
	count := map[string]int{}
	for _, r := range s.ran {
		if count[r]++; count[r] == 1 {
			out = append(out, r)
		}
	}
	for i, r := range out {
		if n := count[r]; n > 1 {
			out[i] = fmt.Sprintf("%s (%d times)", r, n)
		}
	}
	return out
}

// refuse lets a word that acts do nothing but show what it would do: a new one
// cannot forget to ask whether there is a machine to act on.
func refuse(b *engine.Builtin) {
	do := b.Func
	b.Func = func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if call.DryRun {
			return do(call, args, kwargs)
		}
		return nil, &engine.Denied{Effect: b.Effect, Reason: fmt.Sprintf("no test lets %s act: say what it comes to in a part %q", b.Name, b.Name)}
	}
}

// fence keeps the words that read or write a file within the files of the test.
func (s *Set) fence(b *engine.Builtin, files string) {
	at := slices.IndexFunc(b.Params, func(a engine.Arg) bool { return a.Name == "path" || a.Name == "paths" })
	if at < 0 {
		return
	}
	do := b.Func
	b.Func = func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		given := bind(b, args, kwargs)
		for _, path := range pathsOf(given[b.Params[at].Name]) {
			rel, err := filepath.Rel(cmp.Or(files, os.DevNull), path)
			if err != nil || !filepath.IsLocal(rel) {
				return nil, fmt.Errorf("%s %s: a test has no files but its own: DIR/%s", call.Name, path, filepath.Base(path))
			}
		}
		return do(call, args, kwargs)
	}
}

// pathsOf are the texts of an argument that is one, or a list of them.
func pathsOf(v starlark.Value) []string {
	if path, ok := starlark.AsString(v); ok {
		return []string{path}
	}
	var out []string
	if list, ok := v.(starlark.Iterable); ok {
		for x := range starlark.Elements(list) {
			out = append(out, pathsOf(x)...)
		}
	}
	return out
}

// bind gives the arguments of a call their names.
func bind(b *engine.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) map[string]starlark.Value {
	given := map[string]starlark.Value{}
	for i, v := range args {
		if i < len(b.Params) {
			given[b.Params[i].Name] = v
		}
	}
	for _, kv := range kwargs {
		if name, ok := starlark.AsString(kv[0]); ok {
			given[name] = kv[1]
		}
	}
	return given
}
