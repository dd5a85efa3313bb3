package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runbook/engine/event"
)

// A file of chunks is a list of recipes, cut by lines of "---". What must go
// wrong is written on the very line where it does, as a regular expression:
//
//	pss()  ### "undefined: pss.*did you mean ps"
//
// A chunk without such a line must load, and all its steps must be done.
func TestChunks(t *testing.T) {
	files, err := filepath.Glob("testdata/*.star")
	if err != nil || len(files) == 0 {
		t.Fatalf("no chunks: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for _, chunk := range strings.Split(string(data), "\n---\n") {
			name := fmt.Sprintf("%s:%d", filepath.Base(file), line)
			t.Run(name, func(t *testing.T) { checkChunk(t, chunk) })
			line += strings.Count(chunk, "\n") + 2
		}
	}
}

var expectation = regexp.MustCompile(`### "(.*)"\s*$`)

func checkChunk(t *testing.T, chunk string) {
	want := map[int]string{}
	for i, l := range strings.Split(chunk, "\n") {
		if m := expectation.FindStringSubmatch(l); m != nil {
			want[i+1] = strings.ReplaceAll(m[1], `\"`, `"`)
		}
	}
	got := errorsOf(t, chunk)
	for line, pattern := range want {
		text, ok := got[line]
		if !ok {
			t.Errorf("line %d: no error, want %q", line, pattern)
			continue
		}
		if !regexp.MustCompile("(?s)" + pattern).MatchString(text) {
			t.Errorf("line %d: got %q, want %q", line, text, pattern)
		}
		delete(got, line)
	}
	for line, text := range got {
		t.Errorf("line %d: unexpected: %s", line, text)
	}
}

// errorsOf loads and runs a recipe and returns what went wrong, by line.
func errorsOf(t *testing.T, source string) map[int]string {
	b := newBench(t)
	got := map[int]string{}
	at := func(pos, text string) {
		var line, col int
		if _, err := fmt.Sscanf(strings.TrimPrefix(pos, "demo.star:"), "%d:%d", &line, &col); err != nil {
			t.Errorf("%q has no position: %s", pos, text)
		}
		got[line] += text
	}
	r, err := b.library(map[string]string{"demo.star": source, "lib/ok.star": "one = 1\n"}).Find(context.Background(), "demo")
	var broken LoadErrors
	switch {
	case errors.As(err, &broken):
		for _, e := range broken {
			at(e.Pos, strings.TrimPrefix(e.Error(), e.Pos+": "))
		}
		return got
	case err != nil:
		t.Fatalf("load: %v", err)
	}
	m := &memory{}
	e := &Engine{Now: ticking(), MaxSteps: 100_000}
	if _, err := e.Run(context.Background(), Request{Recipe: r, Sink: m, Grants: Grants{Allow: []Effect{Kill}}}); err != nil {
		t.Fatal(err)
	}
	b.wellFormed(m)
	for _, x := range m.events {
		if f := x.StepFinished; f != nil && f.Status != event.StatusDone {
			pos, msg, _ := strings.Cut(f.Reason, ": ")
			at(pos, msg+"\n"+f.Detail)
		}
	}
	return got
}
