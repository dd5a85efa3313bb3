package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dialect is plain Starlark with sets. No while, no recursion, no control flow
// at top level: a file always ends, and its top level only declares.
var dialect = &syntax.FileOptions{Set: true}

const (
	maxSource = 512 << 10 // bytes. A recipe of thousands of lines has 100 kB, and what a longer
	// one could nest (1+1+1…) would fill the stack, from which Go cannot recover
	maxLoadSteps = 2_000_000
	loadDeadline = 10 * time.Second
	loadGrace    = time.Second
)

var (
	// ErrNoRecipe is the error of loading a file that lies among the recipes only
	// for others to load it, or that lacks its end.
	ErrNoRecipe = errors.New("declares no recipe: recipe(…) is not called")
	// ErrNotFile is the error of loading a directory, a FIFO or a device.
	ErrNotFile = errors.New("not a regular file")

	errAbandoned = errors.New("does not end")
)

// loader reads files into modules, each once, each on a thread of its own.
type loader struct {
	lib     *Library
	words   starlark.StringDict
	modules map[moduleKey]*module
	sources map[string]string
	tests   starlark.StringDict // the words of test files
	parser  *parser
}

type moduleKey struct {
	root *Root
	path string
}

// module is one file. It is in loader.modules before it runs: whoever meets it
// there unfinished has found a cycle.
type module struct {
	moduleKey
	shown    string
	source   string
	doc      string
	parent   *module   // whose load() asked for it first
	loads    []*module // in the order of its load()s
	globals  starlark.StringDict
	declared *declaration // by recipe(…); nil when it is only loaded
	syntax   *syntax.File // nil: it came compiled
	done     bool
	err      error
}

func newLoader(lib *Library) *loader {
	l := &loader{
		lib: lib, words: words(lib.Builtins),
		modules: map[moduleKey]*module{}, sources: map[string]string{},
		parser: newParser(),
	}
	if lib.Parsed != nil {
		l.parser = &lib.Parsed.parser
	}
	if lib.Cover != nil {
		l.words[coverWord] = lib.Cover.word()
	}
	if lib.Explain != nil {
		l.words[explainWord] = lib.Explain.word()
	}
	l.tests = joined(l.words, testWords)
	return l
}

// wordsOf are the words that a file may use.
func (l *loader) wordsOf(key moduleKey) starlark.StringDict {
	if IsTest(key.path) {
		return l.tests
	}
	return l.words
}

// recipe loads a file that declares one.
func (l *loader) recipe(ctx context.Context, place Place) (*Recipe, error) {
	m, err := l.open(ctx, place)
	if err != nil {
		return nil, err
	}
	if m.declared == nil {
		return nil, fmt.Errorf("%s: %w", m.shown, ErrNoRecipe)
	}
	d := m.declared
	sum := digestOf(m.source)
	r := &Recipe{
		Name: place.Name, Title: heading(m.doc), Doc: m.doc,
		Summary: d.summary, Tags: d.tags, Params: d.params, Steps: d.steps,
		Origin: place.Origin(), Path: m.path, Digest: "sha256:" + hex.EncodeToString(sum[:]), Content: m.content(), Source: m.source,
		Pos: d.pos, Embedded: m.root.Embedded, Trusted: m.root.Trusted || m.root.Embedded, Shadows: place.Shadows,
		sources: maps.Clone(l.sources), // l goes on to other files
		explain: l.lib.Explain,
	}
	if r.Title == "" {
		r.Title = r.Name
	}
	return r, nil
}

// open loads a file and waits no longer than the deadline. The interpreter
// heeds a cancelled thread between two instructions; one instruction that takes
// for ever is left behind.
func (l *loader) open(parent context.Context, place Place) (m *module, err error) {
	ctx, cancel := context.WithTimeout(parent, loadDeadline)
	defer cancel()
	defer func() {
		if err != nil && parent.Err() != nil {
			err = fmt.Errorf("load %s: %w", place.Root.shown(place.Path), context.Cause(parent))
		}
	}()
	type result struct {
		m   *module
		err error
	}
	done := make(chan result, 1)
	go func() {
		res := result{err: errAbandoned}
		defer func() {
			if p := recover(); p != nil {
				res = result{nil, &PanicError{p, string(debug.Stack())}}
			}
			done <- res
		}()
		m, err := l.load(ctx, moduleKey{place.Root, place.Path}, nil)
		res = result{m, err}
	}()
	select {
	case res := <-done:
		return res.m, res.err
	case <-ctx.Done():
	}
	select {
	case res := <-done:
		return res.m, res.err
	case <-time.After(loadGrace):
		return nil, fmt.Errorf("load %s: %w (gave up after %s)", place.Root.shown(place.Path), errAbandoned, span(loadDeadline))
	}
}

func (l *loader) load(ctx context.Context, key moduleKey, parent *module) (*module, error) {
	if m, ok := l.modules[key]; ok {
		if !m.done {
			return nil, cycle(m, parent)
		}
		return m, m.err
	}
	m := &module{moduleKey: key, shown: key.root.shown(key.path), parent: parent}
	l.modules[key] = m
	m.err = l.exec(ctx, m)
	m.done = true
	return m, m.err
}

// cycle names every file of the ring, beginning with the one that closes it.
func cycle(m, last *module) error {
	ring := m.shown
	for x := last; x != nil && x != m; x = x.parent {
		ring = x.shown + " → " + ring
	}
	return fmt.Errorf("load cycle: %s → %s", m.shown, ring)
}

func (l *loader) exec(ctx context.Context, m *module) error {
	p := l.parse(m.moduleKey)
	if p.unread {
		return fmt.Errorf("read %s: %w", m.shown, p.err)
	}
	m.source = p.source
	l.sources[m.shown] = p.source
	if p.syntax == nil && p.err != nil {
		return loadErrors(p.err, l.sources, nil)
	}
	m.syntax = p.syntax
	m.doc = cleanDoc(p.doc)
	if p.err != nil {
		return loadErrors(p.err, l.sources, append(l.wordsOf(m.moduleKey).Keys(), starlark.Universe.Keys()...))
	}

	thread := &starlark.Thread{
		Name:  m.shown,
		Print: func(*starlark.Thread, string) {}, // list and docs load files too: they stay quiet
		Load: func(_ *starlark.Thread, name string) (starlark.StringDict, error) {
			key, err := l.find(m.moduleKey, name)
			if err != nil {
				return nil, err
			}
			got, err := l.load(ctx, key, m)
			if err != nil {
				return nil, err
			}
			m.loads = append(m.loads, got)
			return got.globals, nil
		},
	}
	setLoading(thread, m)
	startime.SetNow(thread, func() (time.Time, error) {
		return time.Time{}, errors.New("time.now: only inside a step")
	})
	thread.SetMaxExecutionSteps(maxLoadSteps)
	thread.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel(fmt.Sprintf("used more than %s computation steps", grouped(maxLoadSteps)))
	}
	stop := context.AfterFunc(ctx, func() { thread.Cancel("gave up after " + span(loadDeadline)) })
	defer stop()

	var err error
	m.globals, err = p.program.Init(thread, l.wordsOf(m.moduleKey))
	m.globals.Freeze()
	if err != nil {
		return l.blame(err)
	}
	return nil
}

// blame keeps the position of an inner file's error and notes by which load()
// calls it was reached.
func (l *loader) blame(err error) error {
	var eval *starlark.EvalError
	var inner LoadErrors
	if !errors.As(err, &eval) || !errors.As(err, &inner) {
		return loadErrors(err, l.sources, nil)
	}
	at := position(innermost(eval.CallStack).Pos)
	out := make(LoadErrors, len(inner))
	for i, e := range inner {
		copied := *e
		if !strings.HasPrefix(e.Pos, filePart(at)+":") {
			copied.Via = append(append([]string(nil), e.Via...), at)
		}
		out[i] = &copied
	}
	return out
}

func filePart(pos string) string {
	for range 2 {
		if i := strings.LastIndexByte(pos, ':'); i >= 0 {
			pos = pos[:i]
		}
	}
	return pos
}

// fileDoc is the string that a file begins with, or "".
func fileDoc(f *syntax.File) string {
	if len(f.Stmts) == 0 {
		return ""
	}
	if e, ok := f.Stmts[0].(*syntax.ExprStmt); ok {
		if lit, ok := e.X.(*syntax.Literal); ok {
			if s, ok := lit.Value.(string); ok {
				return s
			}
		}
	}
	return ""
}
