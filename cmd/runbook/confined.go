package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"runbook/builtins/probe"
	"runbook/builtins/recipetest"
	"runbook/engine"
	"runbook/engine/event"
)

// confinedEnv turns this binary into a cell. A variable, not a verb: nobody
// types it, and `runbook help` is for what people type.
const confinedEnv = "RUNBOOK_CONFINED"

// confinedOnly is the environment of a cell besides its parent's. A stack trace
// tells a user nothing. Where libc is linked, each thread would reserve 64 or
// 128 MB of addresses for a malloc of its own, which its limit would count.
var confinedOnly = map[string]string{"GOTRACEBACK": "none", "MALLOC_ARENA_MAX": "1"}

// beConfined serves a kitchen to the process that started us, and then does
// not return. See cell.
func beConfined() {
	if os.Getenv(confinedEnv) == "" {
		return
	}
	os.Unsetenv(confinedEnv) // not for the programs that we start
	for name := range confinedOnly {
		os.Unsetenv(name)
	}
	out := os.NewFile(3, "replies")
	if out == nil {
		os.Exit(exitUsage)
	}
	closeOnExec(3)
	if err := limitMemory(memoryLimit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitWrong)
	}
	os.Exit(serve(os.Stdin, out))
}

// server answers orders, one at a time; only a run may be answered to while it
// asks.
type server struct {
	orders  chan order
	mu      sync.Mutex // replies
	replies *json.Encoder
}

func serve(in io.Reader, out io.Writer) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	s := &server{orders: make(chan order), replies: json.NewEncoder(out)}
	s.replies.SetEscapeHTML(false)
	go func() {
		defer close(s.orders)
		// When the process that reads our events is gone, the run is over; and at
		// once when it had been told to end before.
		defer func() {
			if ctx.Err() != nil {
				probe.EndAll()
			}
			cancel(engine.ErrTerminated)
		}()
		lines := bufio.NewReader(in)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			var o order
			if json.Unmarshal(line, &o) != nil {
				return
			}
			s.orders <- o
		}
	}()

	var b *bench
	tests, edits := testRunners{}, editors{}
	for o := range s.orders {
		var r reply
		var err error
		switch {
		case o.Roots != nil:
			b = benchAt(o.Roots, nil)
			continue
		case b == nil:
			return exitUsage
		case o.Load != "":
			r.Loaded, err = b.load(o.Load)
		case o.Check != "":
			var found []engine.Problem
			found, err = b.check(o.Check)
			r.Problems = &found
		case o.Reach != "":
			var found []engine.Reach
			found, err = b.reaches(o.Reach)
			r.Reaches = &found
		case o.Test != nil:
			var t tested
			t, err = tests.test(ctx, *o.Test)
			r.Tested = &t
		case o.Edit != nil:
			var a engine.Answer
			a, err = edits.answer(ctx, *o.Edit)
			r.Edited = &a
		case o.Fixture != nil:
			var m recipetest.Made
			m, err = tests.fixture(ctx, *o.Fixture)
			r.Made = &m
		case o.Run != nil:
			var f event.RunFinished
			var ask asker
			if o.Run.Asks {
				ask = s.ask
			}
			f, err = b.run(ctx, *o.Run, stream{s}, ask)
			r.Finished = &f
		}
		if err != nil {
			r = reply{Failed: newFailure(err)}
		}
		if s.say(r) != nil {
			return exitWrong
		}
	}
	return exitOK
}

func (s *server) say(r reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replies.Encode(r)
}

func (s *server) ask(ctx context.Context, effect engine.Effect, step string, what event.View) (bool, error) {
	if err := s.say(reply{Ask: &question{Effect: effect, Step: step, What: what}}); err != nil {
		return false, err
	}
	var o order
	var ok bool
	select {
	case o, ok = <-s.orders:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	switch {
	case !ok || o.Answer == nil:
		return false, errors.New("nobody answered")
	case o.Answer.Error != "":
		return false, errors.New(o.Answer.Error)
	}
	return o.Answer.Yes, nil
}

// artefact asks the process that records us where to put a file.
func (s stream) artefact(name string) (string, error) {
	if err := s.say(reply{Keep: name}); err != nil {
		return "", err
	}
	o, ok := <-s.orders
	switch {
	case !ok || o.Keep == nil:
		return "", errors.New("nobody answered")
	case o.Keep.Error != "":
		return "", errors.New(o.Keep.Error)
	}
	return o.Keep.Path, nil
}

// stream is the sink of a confined run.
type stream struct{ *server }

func (s stream) Write(e event.Event) error { return s.say(reply{Event: &e}) }
func (s stream) Close() error              { return nil }
