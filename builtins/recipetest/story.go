package recipetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"runbook/builtins/stage"
	"runbook/engine"
	"runbook/engine/lazyregexp"
)

// A story is a machine, and what a recipe finds there: see doc.go.
type story struct {
	file    File
	archive *txtar.Archive
	source  []byte
	parts   map[string]string // of the machine
	files   map[string]string
	runs    []storyRun
}

// storyRun is a part "findings …" or "report …", by its place in the archive,
// and the parts "wrote …" behind it.
type storyRun struct {
	name  string
	part  int
	wrote []int
}

func (r *Runner) story(ctx context.Context, f File) []Result {
	title := f.Title()
	s, err := readStory(f)
	if err != nil {
		if !r.wants(title) {
			return nil
		}
		return []Result{s.broken(title, err)}
	}
	var out []Result
	changed := false
	for _, run := range s.runs {
		name := title + "/" + run.name
		if !r.wants(name) {
			continue
		}
		if r.Named {
			out = append(out, Result{File: f.Path, Name: name, Line: s.line(run.part)})
			continue
		}
		began := time.Now()
		res, err := r.chapter(ctx, s, run)
		if err != nil { // which all the others would say, too
			return append(out, s.broken(title, err))
		}
		res.File, res.Name, res.Line, res.Took = f.Path, name, s.line(run.part), time.Since(began)
		changed = changed || res.Outcome == Updated
		out = append(out, res)
	}
	if changed {
		if err := replace(f.Path, txtar.Format(s.archive)); err != nil {
			return append(out, broken(f, title, 1, err))
		}
	}
	return out
}

// readStory reads the parts. Errors of what is no story: *stage.Mistake, and
// beside it as much as was read.
func readStory(f File) (*story, error) {
	s := &story{file: f, parts: map[string]string{}, files: map[string]string{}}
	var err error
	if s.source, err = os.ReadFile(f.Path); err != nil {
		return s, err
	}
	s.archive = txtar.Parse(s.source)
	seen := map[string]bool{}
	var files []string
	for _, p := range s.archive.Files {
		kind, what, _ := strings.Cut(p.Name, " ")
		if seen[p.Name] {
			return s, &stage.Mistake{Part: p.Name, Err: errors.New("there is another part of that name above")}
		}
		seen[p.Name] = true
		switch {
		case kind == "findings" || kind == "report":
			s.runs = append(s.runs, storyRun{name: p.Name, part: len(seen) - 1})
		case kind == "wrote":
			if len(s.runs) == 0 || what == "" {
				return s, &stage.Mistake{Part: p.Name, Err: errors.New("want wrote NAME behind the run that writes it")}
			}
			last := &s.runs[len(s.runs)-1]
			last.wrote = append(last.wrote, len(seen)-1)
		case stage.Plays(p.Name):
			s.parts[p.Name] = string(p.Data)
		case strings.ContainsAny(p.Name, "./"):
			s.files[p.Name] = string(p.Data)
			files = append(files, p.Name)
		default:
			return s, &stage.Mistake{Part: p.Name, Err: fmt.Errorf("no part of a story is called so%s", didYouMean(stage.Nearest(kind, "findings", "report", "wrote")))}
		}
	}
	if len(s.runs) == 0 {
		return s, errors.New("it expects nothing: add a part `-- findings --`, and runbook test --update fills it")
	}
	for _, name := range files {
		if err := s.called(name); err != nil {
			return s, &stage.Mistake{Part: name, Err: err}
		}
	}
	return s, nil
}

// called is the error of a file that no run can come to: its name was meant to be
// that of a part, or nobody calls it DIR/NAME.
func (s *story) called(name string) error {
	any := false
	for _, run := range s.runs {
		if strings.Contains(run.name, "DIR/"+name) {
			return nil
		}
		any = any || strings.Contains(run.name, "DIR/")
	}
	switch {
	case stage.OfModule(name):
		return fmt.Errorf("no part of a story is called so%s", didYouMean(stage.Nearest(name)))
	case !any:
		return fmt.Errorf("no run can see this file: call it DIR/%s in a parameter", name)
	}
	return nil
}

// broken is the one result of a story that is wrong, at the line in which it is.
func (s *story) broken(title string, err error) Result {
	var m *stage.Mistake
	if !errors.As(err, &m) {
		return broken(s.file, title, 1, err)
	}
	at := 0
	for i, p := range s.archive.Files {
		if p.Name == m.Part { // of two it is the second that is wrong
			at = s.line(i)
		}
	}
	return broken(s.file, title, at+m.Line, fmt.Errorf("%s: %w", m.Part, m.Err))
}

// line is where a part begins.
func (s *story) line(part int) int {
	seen := -1
	for i, l := range bytes.Split(s.source, []byte("\n")) {
		text := strings.TrimRight(string(l), "\r")
		if strings.HasPrefix(text, "-- ") && strings.HasSuffix(text, " --") && len(text) > 6 {
			if seen++; seen == part {
				return i + 1
			}
		}
	}
	return 1
}

// chapter is one run of the story. Errors: *stage.Mistake.
func (r *Runner) chapter(ctx context.Context, s *story, run storyRun) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	o, err := s.order(run)
	if err != nil {
		return Result{Outcome: Error, Message: err.Error()}, nil
	}
	p, err := r.play(ctx, s.file, o, nil)
	var wrong *stage.Mistake
	switch {
	case errors.As(err, &wrong):
		return Result{}, wrong
	case err != nil:
		text, more, _ := strings.Cut(err.Error(), "\n")
		return Result{Outcome: Error, Message: text, Detail: more}, nil
	}
	got := p.notes.brief.String()
	if strings.HasPrefix(run.name, "report") {
		got = p.notes.report.String()
	}
	res := Result{Outcome: Passed, Said: p.notes.said.String()}
	r.hold(s, run.part, got, "", &res)
	for _, i := range run.wrote {
		name := strings.TrimPrefix(s.archive.Files[i].Name, "wrote ")
		text, ok := p.files[name]
		if !ok {
			res.Outcome, res.Message = Failed, fmt.Sprintf("it did not write %s", name)
			continue
		}
		r.hold(s, i, text, name+": ", &res)
	}
	return res, nil
}

// hold compares a part with what came, or makes it that.
func (r *Runner) hold(s *story, part int, got, where string, res *Result) {
	p := &s.archive.Files[part]
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n" // a part of a txtar file ends its last line
	}
	want := string(p.Data)
	switch {
	case matches(want, got):
	case r.Update:
		p.Data = []byte(got)
		res.Outcome = Updated
	default:
		res.Outcome = Failed
		d := diff(want, got)
		if res.Message == "" {
			res.Message = where + "not as expected"
		}
		res.Detail += d
	}
}

// order reads the words of a run: NAME=VALUE is a parameter, and what follows --
// is for the rest.
func (s *story) order(run storyRun) (order, error) {
	o := order{recipe: s.file.Recipe, parts: s.parts, files: s.files, params: map[string][]string{}}
	words, err := split(run.name)
	if err != nil {
		return o, err
	}
	for i, w := range words[1:] {
		name, value, named := strings.Cut(w, "=")
		switch {
		case w == "--":
			o.cut, o.rest = true, words[1+i+1:]
			return o, nil
		case w == "dry_run":
			o.dryRun = true
		case named && name == "allow":
			for _, a := range strings.Split(value, ",") {
				effect, err := engine.ParseEffect(a)
				if err != nil {
					return o, err
				}
				o.allow = append(o.allow, effect)
			}
		case named && isName().MatchString(name):
			o.params[name] = append(o.params[name], value)
		default:
			o.bare = append(o.bare, w)
		}
	}
	return o, nil
}

var isName = lazyregexp.New(`^[a-z][a-z0-9_]*$`)

// split cuts at blanks outside of "…".
func split(text string) ([]string, error) {
	var words []string
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		var word strings.Builder
		for text != "" && text[0] != ' ' {
			if text[0] != '"' {
				word.WriteByte(text[0])
				text = text[1:]
				continue
			}
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, errors.New("a quote that does not end")
			}
			inner, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", quoted, err)
			}
			word.WriteString(inner)
			text = text[len(quoted):]
		}
		words = append(words, word.String())
	}
	return words, nil
}

// replace writes a file whole or not at all.
func replace(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
