package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"runbook/builtins/pysource"
)

// PySourceRun says which Python sources are read, and for what.
type PySourceRun struct {
	Paths []string // files, and directories to search
	Names pysource.Names
	// Python is the interpreter whose own ast reads them, as in PythonRun.
	Python string
	// Builtin has our own parser read them all: nothing is run.
	Builtin bool
	Timeout time.Duration // of the interpreter; 0 = one minute
	// Progress hears how many files were read, now and then; nil = nobody.
	Progress func(files int)
}

// PySources is what sources say.
type PySources struct {
	Files  int // that were read
	Parsed int // of these, those that have async functions: the others cannot be of interest
	Bytes  int
	// Reader is who read them: "ast of Python 3.11.7 (/usr/bin/python3)", or
	// "built-in parser"; Why it was that one.
	Reader string
	Why    string
	ByAst  bool
	// Scopes are those in which something may be cancelled, in the order of the files.
	Scopes   []pysource.Scope
	Problems []PyProblem // files that could not be read, in their order
}

// PyProblem is a file, or a part of one, that was not read.
type PyProblem struct {
	Path         string
	Line, Column int // 0 = the file as a whole
	// Kind is unreadable, binary, too-large, or encoding; syntax: it is no Python,
	// and nothing that matters is in it; unparsed: something may be, and no reader
	// understands it; not-covered: our own parser does not, and no other was there.
	Kind string
	Text string
}

// ReadPySources reads sources and joins what they say. Both readers give the
// same trees; Python's own also knows the grammar of its own version. Where it
// cannot be asked, the built-in parser reads all, and Why says so.
//
// Files that have no async function are searched for errors only. A file is
// read once, also when it is named twice. Errors: a path that is not there,
// fs.ErrNotExist; ctx's.
func ReadPySources(ctx context.Context, h Host, r PySourceRun) (PySources, error) {
	var out PySources
	files, err := pyFiles(r.Paths)
	if err != nil {
		return out, fmt.Errorf("pysource: %w", err)
	}
	sources := make([]*pySource, len(files))
	for i, path := range files {
		if err := ctx.Err(); err != nil {
			return out, fmt.Errorf("pysource: %w", err)
		}
		if r.Progress != nil && i%100 == 99 {
			r.Progress(i + 1)
		}
		sources[i] = readPySource(path)
		sources[i].look()
		out.Files++
		out.Bytes += len(sources[i].text)
	}
	out.Reader, out.Why, out.ByAst = parsePySources(ctx, h, r, sources)
	if err := ctx.Err(); err != nil {
		return out, fmt.Errorf("pysource: %w", err)
	}
	var trees []pysource.Source
	lines := map[string]*pySource{}
	for _, s := range sources {
		lines[s.path] = s
		if s.problem != nil {
			out.Problems = append(out.Problems, *s.problem)
		}
		if s.tree != nil && s.async {
			out.Parsed++
			trees = append(trees, pysource.Source{Path: s.path, Tree: s.tree})
		}
	}
	out.Scopes = pysource.Join(trees, r.Names)
	inCharacters(out.Scopes, lines)
	return out, nil
}

// pySource is one file on its way.
type pySource struct {
	path    string
	text    []byte // UTF-8
	async   bool   // it has an async function
	matters bool   // it has a scope, or sends and receives
	tree    *pysource.Node
	problem *PyProblem
}

// What a file must mention to have a scope, or a round trip.
var (
	mentionsScope = []string{"move_on_", "fail_a", "CancelScope", "timeout", "wait_for", "cancel_scope"}
	mentionsSend  = []string{"send", ".put", ".write", ".publish", ".emit"}
)

// look decides what has to be known of a file.
func (s *pySource) look() {
	has := func(words []string) bool {
		for _, w := range words {
			if bytes.Contains(s.text, []byte(w)) {
				return true
			}
		}
		return false
	}
	s.async = bytes.Contains(s.text, []byte("async"))
	s.matters = s.async && (has(mentionsScope) || has(mentionsSend))
}

func (s *pySource) isUncovered() bool { return s.problem != nil && s.problem.Kind == "not-covered" }

// parse reads a file with our own parser.
func (s *pySource) parse() {
	if s.problem != nil {
		return
	}
	tree, err := pysource.Parse(s.text)
	var wrong *pysource.Error
	switch {
	case err == nil && s.async:
		s.tree = tree
	case err == nil:
	case errors.As(err, &wrong):
		s.problem = &PyProblem{Path: s.path, Line: wrong.Line, Column: pysource.Column(s.line(wrong.Line), wrong.Col), Kind: "not-covered", Text: wrong.Text}
	default:
		s.problem = &PyProblem{Path: s.path, Kind: "not-covered", Text: err.Error()}
	}
}

// refused takes what an interpreter says against a file. Where something may be
// in it, it may also be of a later version of Python, of which our own parser
// understands some.
func (s *pySource) refused(why PyProblem) {
	s.tree, s.problem = nil, nil
	if s.matters {
		if s.parse(); s.problem == nil {
			return
		}
		why.Kind = "unparsed"
	}
	s.problem = &why
}

// line returns the text of a line, counted from 1.
func (s *pySource) line(n int) string {
	rest := bytes.TrimPrefix(s.text, []byte("\xef\xbb\xbf"))
	for range n - 1 {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			return ""
		}
		if bytes.HasPrefix(rest[i:], []byte("\r\n")) {
			i++
		}
		rest = rest[i+1:]
	}
	if i := bytes.IndexAny(rest, "\r\n"); i >= 0 {
		rest = rest[:i]
	}
	return string(rest)
}

// pyWorkers is how many interpreters read at once, and pyShare what makes
// another one worth its start, in bytes.
const (
	pyWorkers = 2
	pyShare   = 400 << 10
)

// parsePySources has the interpreter read what matters while our own parser
// reads the rest, in which it looks for errors only; what it does not understand
// there, the interpreter decides. It returns who read what matters, and why.
func parsePySources(ctx context.Context, h Host, r PySourceRun, sources []*pySource) (reader, why string, byAst bool) {
	var theirs, ours []*pySource
	for _, s := range sources {
		if s.matters && !r.Builtin || s.isUncovered() {
			theirs = append(theirs, s)
		} else {
			ours = append(ours, s)
		}
	}
	parse := func(these []*pySource) {
		Abreast(ctx, len(these), func(_ context.Context, i int) { these[i].parse() })
	}
	if r.Builtin {
		parse(ours)
		return builtinParser, "asked for", false
	}
	var err error
	var asking sync.WaitGroup
	if len(theirs) > 0 {
		asking.Go(func() { reader, err = parseByAst(ctx, h, r, theirs) })
	}
	parse(ours)
	asking.Wait()
	if unsure := slices.DeleteFunc(ours, func(s *pySource) bool { return !s.isUncovered() }); err == nil && len(unsure) > 0 {
		reader, err = parseByAst(ctx, h, r, unsure)
	}
	switch {
	case err != nil:
		parse(theirs)
		return builtinParser, strings.TrimPrefix(err.Error(), "python: "), false
	case reader == "":
		return builtinParser, "no file has anything for an interpreter to read", false
	}
	return reader, "", true
}

const builtinParser = "built-in parser"

// parseByAst has interpreters read files abreast. It returns who that was.
func parseByAst(ctx context.Context, h Host, r PySourceRun, todo []*pySource) (reader string, err error) {
	size := 0
	for _, s := range todo {
		size += len(s.text)
	}
	workers := min(pyWorkers, 1+size/pyShare, len(todo))
	parts := make([][]*pySource, workers)
	for i, s := range todo {
		parts[i%workers] = append(parts[i%workers], s)
	}
	var wg sync.WaitGroup
	readers, errs := make([]string, workers), make([]error, workers)
	for i := range parts {
		wg.Go(func() { readers[i], errs[i] = askAst(ctx, h, r, parts[i]) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return "", err
		}
	}
	return readers[0], nil
}

func askAst(ctx context.Context, h Host, r PySourceRun, sources []*pySource) (reader string, err error) {
	var paths bytes.Buffer
	for _, s := range sources {
		paths.WriteString(s.path + "\x00")
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ran, err := Python(ctx, h, PythonRun{Python: r.Python, Script: pysource.Script, Name: "reduce.py", Stdin: paths.Bytes(), Isolated: true, Timeout: timeout, Grace: time.Second})
	if err != nil {
		return "", err
	}
	if len(ran.Answers) != len(sources) {
		return "", fmt.Errorf("%d answers for %d files", len(ran.Answers), len(sources))
	}
	for i, raw := range ran.Answers {
		var a struct {
			Tree  string
			Error *struct {
				Line, Column int
				Text         string
			}
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return "", fmt.Errorf("answer for %s: %w", sources[i].path, err)
		}
		s := sources[i]
		if a.Error != nil {
			s.refused(PyProblem{Path: s.path, Line: a.Error.Line, Column: a.Error.Column, Kind: "syntax", Text: a.Error.Text})
			continue
		}
		tree, err := pysource.Decode(a.Tree)
		if err != nil {
			return "", fmt.Errorf("answer for %s: %w", s.path, err)
		}
		s.tree, s.problem = tree, nil
	}
	return fmt.Sprintf("ast of Python %s (%s)", ran.Version, ran.Python), nil
}

// inCharacters turns columns, which count bytes, into ones that count characters
// from 1, as editors do.
func inCharacters(scopes []pysource.Scope, sources map[string]*pySource) {
	done := map[*pysource.Place]bool{}
	turn := func(p *pysource.Place) {
		if p == nil || done[p] {
			return
		}
		done[p] = true
		if s := sources[p.Path]; s != nil {
			p.Column = pysource.Column(s.line(p.Line), p.Column)
		}
	}
	roundTrips := map[*pysource.RoundTrip]bool{}
	for i := range scopes {
		turn(&scopes[i].At)
		for j := range scopes[i].Calls {
			c := &scopes[i].Calls[j]
			turn(&c.At)
			turn(c.Closes)
			turn(c.Lock)
			for k := range c.Via {
				turn(&c.Via[k])
			}
			if e := c.RoundTrip; e != nil && !roundTrips[e] {
				roundTrips[e] = true
				for _, p := range []*pysource.Place{&e.At, &e.Send, e.Receive, e.Lock, e.Closes} {
					turn(p)
				}
			}
		}
	}
}
