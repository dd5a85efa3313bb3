package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"runbook/builtins/probe"
	"runbook/builtins/recipetest"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/sink"
)

// From a capture to a test: `capture --test STORY` writes what a recipe read, and
// what it found, as a story that passes.

// source is a capture, and how the recipe was run that read it.
type source struct {
	path   string // of the capture
	params map[string][]string
	recipe string   // of a recorded run; "" = it is none
	only   []string // the steps that were asked for in it; empty = all
	about  string   // where it comes from, for people
	done   func()   // removes what was made for it
}

// readsFile lies beside a record when the run was told to keep what it read.
const readsFile = "reads.tgz"

// sourceOf finds the capture that --from means: a file, or a recorded run that
// kept its reads or was itself made from a capture.
func sourceOf(from string) (source, error) {
	if info, err := os.Stat(from); err == nil && info.Mode().IsRegular() && filepath.Base(from) != sink.EventsFile {
		return source{path: from, about: "Made from " + filepath.Base(from) + ".", done: func() {}}, nil
	}
	record, err := findRecord(from)
	if err != nil {
		return source{}, err
	}
	started, err := startOf(record)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.Join(filepath.Dir(record), readsFile), recipe: started.Recipe, only: started.Steps, params: map[string][]string{}, done: func() {}}
	s.about = fmt.Sprintf("What %s found on %s, %s.", started.Recipe, started.Host, started.Started.UTC().Format("2006-01-02 15:04 MST"))
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		if s.path = started.From; s.path == "" {
			return source{}, usage(fmt.Sprintf("run %s kept its findings, not what it read", started.ID),
				fmt.Sprintf("runbook run %s --keep-reads; or take a capture: runbook capture -o FILE", started.Recipe))
		}
	}
	for _, p := range started.Params {
		if slices.Contains(started.Given, p.Name) && p.Name != "over" {
			s.params[p.Name] = typedTexts(p.Value)
		}
	}
	return s, nil
}

// startOf is how a recorded run began.
func startOf(record string) (event.RunStarted, error) {
	f, err := sink.OpenRecord(record)
	if err != nil {
		return event.RunStarted{}, usageBecause(err)
	}
	defer f.Close()
	first := &firstEvent{}
	_, err = sink.Replay(f, first)
	if first.started == nil {
		return event.RunStarted{}, usageBecause(errors.Join(fmt.Errorf("%s: no record of a run", record), err))
	}
	return *first.started, nil
}

// firstEvent is a sink that keeps the announcement of a run.
type firstEvent struct{ started *event.RunStarted }

func (f *firstEvent) Write(e event.Event) error {
	if e.RunStarted != nil {
		f.started = e.RunStarted
	}
	return nil
}

func (f *firstEvent) Close() error { return nil }

// typedTexts is a parameter's value as it was typed, or several.
func typedTexts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, typedTexts(x)...)
		}
		return out
	}
	return []string{fmt.Sprint(v)}
}

// storyJob is `capture --test`.
type storyJob struct {
	story string
	from  string
	job   job // of a live run
}

func (d *door) captureStory(s storyJob) error {
	target, err := recipetest.Target(s.story)
	if err != nil {
		return usage("capture: --test "+err.Error(), "runbook capture --test .runbook/testdata/feed-stalled/silent.txtar")
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	var src source
	if s.from != "" {
		src, err = sourceOf(s.from)
	} else {
		src, err = d.readsOf(ctx, target, s.job)
	}
	if err != nil {
		return err
	}
	defer src.done()
	if len(src.only) > 0 && filepath.Base(src.path) == readsFile {
		return usage(fmt.Sprintf("capture: --test: only --step %s was run there: what the other steps read was not kept", strings.Join(src.only, ", --step ")),
			fmt.Sprintf("runbook run %s --keep-reads", src.recipe))
	}
	params := map[string][]string{}
	for _, from := range []map[string][]string{src.params, s.job.Params} {
		for name, texts := range from {
			if name != "over" { // a capture's samples lie as far apart as they were taken
				params[name] = texts
			}
		}
	}
	made, err := writeFixture(ctx, recipetest.Fixture{Story: s.story, From: absolute(src.path), About: src.about, Params: params})
	if err != nil {
		return err
	}
	fmt.Fprint(d.stdout(), printable(made.Text))
	fmt.Fprintf(d.err, "wrote %s, and %s: %d of %s, %d kB\n", made.Story, made.Capture, made.Processes, countProcesses(made.Of), (made.Bytes+999)/1000)
	fmt.Fprintf(d.err, "read what it expects, then: runbook test %s\n", made.Story)
	return nil
}

// writeFixture writes a story in a confined process: it runs the recipe.
func writeFixture(ctx context.Context, f recipetest.Fixture) (recipetest.Made, error) {
	c, err := openCell([]root{{}})
	if err != nil {
		return recipetest.Made{}, err
	}
	defer c.close()
	stop := context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })
	defer stop()
	if err := c.send(order{Fixture: &f}); err != nil {
		return recipetest.Made{}, err
	}
	r, err := c.next()
	switch {
	case ctx.Err() != nil:
		return recipetest.Made{}, context.Cause(ctx)
	case err != nil:
		return recipetest.Made{}, err
	case r.Made == nil:
		return recipetest.Made{}, errors.New("confined process: no fixture in its answer")
	}
	return *r.Made, nil
}

// readsOf runs the recipe that the story is to test on this machine, and keeps
// what it reads in a file of its own.
func (d *door) readsOf(ctx context.Context, target recipetest.File, j job) (source, error) {
	if !haveLinux {
		return source{}, needsLinux("capture")
	}
	name := filepath.Join(target.Dir, target.Recipe+".star")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		name = target.Recipe // one that ships with us
	} else if !strings.ContainsRune(name, '/') {
		name = "./" + name
	}
	k, place, err := open(d.roots(), name)
	if err != nil {
		return source{}, err
	}
	defer k.close()
	if _, err := k.load(name); err != nil {
		return source{}, err
	}
	dir, err := os.MkdirTemp("", "runbook-capture-")
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.Join(dir, readsFile), done: func() { os.RemoveAll(dir) }}
	j.ID, j.Recipe, j.Origin, j.Tool, j.KeepReads, j.LookOnly = newID(), target.Recipe, place.Origin(), tool(), true, true
	end, err := k.run(ctx, j, inFolder{dir}, nil)
	if err == nil && end.Outcome == event.Interrupted {
		d.code = engine.ExitCode(end, false)
		err = fmt.Errorf("capture: %w", context.Cause(ctx))
	}
	if err != nil {
		s.done()
		return source{}, err
	}
	host, _ := os.Hostname()
	s.about = fmt.Sprintf("What %s found on %s, %s.", target.Recipe, host, end.Finished.UTC().Format("2006-01-02 15:04 MST"))
	return s, nil
}

// inFolder is a sink that heeds no event and keeps files in a directory.
type inFolder struct{ dir string }

func (inFolder) Write(event.Event) error                { return nil }
func (inFolder) Close() error                           { return nil }
func (f inFolder) artefact(name string) (string, error) { return filepath.Join(f.dir, name), nil }

// listening is a sink that also notes what the run was about, for the capture of
// its reads.
type listening struct {
	event.Sink
	seen *subjects
}

func (l listening) Write(e event.Event) error {
	_ = l.seen.Write(e)
	return l.Sink.Write(e)
}

func (l listening) artefact(name string) (string, error) {
	if k, ok := l.Sink.(keeper); ok {
		return k.artefact(name)
	}
	return "", nil
}

// keepReads saves what a run read of the processes that it looked into or spoke
// of, beside its record.
func keepReads(r *probe.Recorder, own map[int]bool, seen *subjects, out event.Sink) error {
	k, ok := out.(keeper)
	if !ok {
		return nil
	}
	path, err := k.artefact(readsFile)
	if err != nil || path == "" {
		return err
	}
	meta := probe.SnapshotMeta{Tool: tool(), Trees: seen.trees}
	touched := r.Snapshot(meta, func(int) bool { return true }).Touched()
	keep := func(pid int) bool { return touched[pid] && !own[pid] || seen.pids[pid] }
	_, err = writeNew(path, nil, func(w io.Writer) error { return r.Save(w, meta, keep) })
	if err != nil {
		return fmt.Errorf("keep what was read: %w", err)
	}
	return nil
}
