package recipetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"runbook/builtins"
	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/event"
)

// Fixture says which story is to be written from a capture.
type Fixture struct {
	Story  string              `json:"story"` // its path, as Find knows stories; the capture goes beside it
	From   string              `json:"from"`  // the capture
	About  string              `json:"about"` // its first line
	Params map[string][]string `json:"params,omitempty"`
	Rest   []string            `json:"rest,omitempty"`
}

// Made is what became of a fixture.
type Made struct {
	Story     string `json:"story"`
	Capture   string `json:"capture"`
	Bytes     int    `json:"bytes"`     // of the capture
	Processes int    `json:"processes"` // in it
	Of        int    `json:"of"`        // in the one that it was made from
	Text      string `json:"text"`      // what the recipe finds
}

// Target reads from the path of a story that is to be which recipe it is of, and
// where that lies.
func Target(path string) (File, error) {
	f, ok := testFile(path)
	if !ok || !f.Story {
		return f, fmt.Errorf("%s: want testdata/NAME/CASE.txtar beside NAME.star, or NAME_test.txtar", path)
	}
	return f, nil
}

// Write runs the recipe of a story on a capture, keeps of that what the recipe
// read, and writes both: the test passes then, and no file that is there is
// replaced.
//
// Of other processes than those that the recipe looked into, or spoke of, nothing
// is kept, if it finds the same without. Secrets in command lines are masked, as
// in every capture.
func (r *Runner) Write(ctx context.Context, f Fixture) (Made, error) {
	file, err := Target(f.Story)
	if err != nil {
		return Made{}, err
	}
	capture := strings.TrimSuffix(f.Story, ".txtar") + ".tgz"
	for _, path := range []string{f.Story, capture} {
		if _, err := os.Lstat(path); err == nil {
			return Made{}, fmt.Errorf("%s is there already", path)
		}
	}
	whole, err := probe.OpenSnapshot(f.From)
	if err != nil {
		return Made{}, err
	}
	small, text, err := r.shrink(ctx, file, f, whole)
	if err != nil {
		return Made{}, err
	}
	var data bytes.Buffer
	if err := small.Save(&data); err != nil {
		return Made{}, err
	}
	story := &txtar.Archive{Comment: []byte(strings.TrimSpace(f.About) + "\n\n"), Files: []txtar.File{
		{Name: "snapshot", Data: []byte(filepath.Base(capture) + "\n")},
		{Name: runName(f), Data: []byte(text)},
	}}
	if err := os.MkdirAll(filepath.Dir(f.Story), 0o755); err != nil {
		return Made{}, err
	}
	if err := errors.Join(replace(capture, data.Bytes()), replace(f.Story, txtar.Format(story))); err != nil {
		return Made{}, err
	}
	return Made{Story: f.Story, Capture: capture, Bytes: data.Len(), Processes: len(small.Meta.PIDs), Of: len(whole.Meta.PIDs), Text: text}, nil
}

// runName is the name of the part that runs the recipe in the same way.
func runName(f Fixture) string {
	words := []string{"findings"}
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		for _, text := range f.Params[name] {
			words = append(words, name+"="+oneWord(text))
		}
	}
	if len(f.Rest) > 0 && !slices.Contains(f.Rest, "--") {
		words = append(words, "--")
	}
	for _, text := range f.Rest {
		words = append(words, oneWord(text))
	}
	return strings.Join(words, " ")
}

// oneWord is a text as order reads it as one word: in quotes unless it is plain.
func oneWord(text string) string {
	if text != "" && text == strings.Trim(strconv.Quote(text), `"`) && !strings.Contains(text, " ") {
		return text
	}
	return strconv.Quote(text)
}

// shrink is the capture with only what the recipe reads of it, and what it finds
// there.
func (r *Runner) shrink(ctx context.Context, file File, f Fixture, whole *probe.Snapshot) (*probe.Snapshot, string, error) {
	recorder := probe.NewRecorder(whole)
	text, spoken, err := r.find(ctx, file.Recipe, f, recorder)
	if err != nil {
		return nil, "", err
	}
	read := recorder.Snapshot(whole.Meta, func(int) bool { return true })
	keep := read.Touched()
	maps.Copy(keep, spoken)
	for _, small := range []*probe.Snapshot{read.Only(func(pid int) bool { return keep[pid] }), read, whole} {
		small.Rewind()
		again, _, err := r.find(ctx, file.Recipe, f, small)
		if err == nil && again == text {
			return small, text, nil
		}
	}
	return nil, "", errors.New("the recipe does not find the same twice in one capture: does it use a clock or chance?")
}

// find is what a recipe finds on a host, and of which processes it speaks.
func (r *Runner) find(ctx context.Context, name string, f Fixture, h probe.Host) (string, map[int]bool, error) {
	recipe, err := r.library(builtins.Table(builtins.Options{Host: h})).Find(ctx, name)
	if err != nil {
		return "", nil, err
	}
	n := &notes{recipe: recipe.Name}
	spoken := speaks{}
	req := engine.Request{Recipe: recipe, Params: f.Params, Rest: f.Rest, Sink: event.Tee(func(event.Sink, error) {}, n, spoken), Host: h.Clock().Hostname, ID: "test"}
	end, err := (&engine.Engine{HostNow: h.Now}).Run(ctx, req)
	if err != nil {
		return "", nil, err
	}
	n.close("", nil, engine.ExitCode(end, false))
	return n.brief.String(), spoken, nil
}

// speaks is a sink that notes which processes are drawn or named.
type speaks map[int]bool

func (s speaks) Write(e event.Event) error {
	var all []event.Subject
	if e.Shown != nil {
		for _, n := range e.Shown.Nodes {
			if n.Subject != nil {
				all = append(all, *n.Subject)
			}
		}
	}
	if f := e.Found; f != nil {
		all = slices.Concat(all, f.Victims, f.Members)
		if f.About != nil {
			all = append(all, *f.About)
		}
	}
	for _, x := range all {
		if x.Type == "process" {
			s[x.PID] = true
		}
	}
	return nil
}

func (speaks) Close() error { return nil }
