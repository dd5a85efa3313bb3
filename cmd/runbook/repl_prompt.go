package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/peterh/liner"
	"go.starlark.net/starlark"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/sink"
)

// prompt is a session that a person, or a script, talks to. It is the sink of
// what the session says, too.
type prompt struct {
	door    *door
	desk    *desk
	looks   *looks
	session *engine.Session
	busy    sync.Mutex // held while an input runs
}

// screen draws at the width that the terminal has now.
func (p *prompt) screen() *sink.Prompt {
	return sink.NewPrompt(p.door.stdout(), p.looks.terminal(p.door.out, false))
}

// Write implements event.Sink.
func (p *prompt) Write(e event.Event) error { return p.screen().Write(e) }

// Close implements event.Sink.
func (p *prompt) Close() error { return nil }

// show draws the value of an expression that stands by itself.
func (p *prompt) show(v starlark.Value) {
	if v == starlark.None {
		return
	}
	views, text := engine.Picture(v)
	if word, ok := v.(*starlark.Builtin); ok {
		for _, row := range p.desk.rows() {
			if row.Name == word.Name() {
				text = row.Signature() + ": " + row.Summary() // ?NAME has the rest
			}
		}
	}
	_ = p.screen().Value(views, text)
}

const maxScript = 512 << 10 // bytes, as of a recipe

// script evaluates stdin. It exits 2 when that is no Starlark, of which nothing
// ran then, and 1 when an input failed or a fault was said.
func (p *prompt) script() error {
	ctx, stop := withSignals(context.Background())
	defer stop()
	text, err := io.ReadAll(io.LimitReader(p.door.in, maxScript+1))
	switch {
	case err != nil:
		return fmt.Errorf("read stdin: %w", err)
	case len(text) > maxScript:
		return usage(fmt.Sprintf("stdin: longer than %d kB", maxScript>>10), "")
	}
	in, err := p.session.ReadAll("stdin", string(text))
	if err == nil {
		err = in.Run(ctx, p.show)
	}
	var broken engine.LoadErrors
	switch {
	case errors.Is(err, engine.ErrInterrupted), errors.Is(err, engine.ErrTerminated):
		return err
	case errors.As(err, &broken):
		p.complain(err)
		p.door.code = exitUsage
	case err != nil:
		p.complain(err)
		p.door.code = exitFound
	default:
		for _, f := range p.session.Findings()[len(p.desk.findings):] {
			if f.Verdict == event.Fault {
				p.door.code = exitFound
			}
		}
	}
	return nil
}

// complain says what is wrong with an input: where, what, its line, the hint.
func (p *prompt) complain(err error) {
	text := err.Error()
	var script *engine.ScriptError
	if errors.As(err, &script) {
		if detail := script.Detail(); detail != "" {
			text += "\n" + detail
		}
	}
	fmt.Fprintln(p.door.err, printable(text))
}

// converse reads inputs from the terminal until Ctrl-D.
func (p *prompt) converse(host, from string) error {
	p.greet(host, from)
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	line.SetTabCompletionStyle(liner.TabPrints)
	line.SetWordCompleter(p.complete)
	past := openHistory(line, p.door.err)

	interrupts, ends := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupts)
	defer signal.Stop(ends)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		cancel(cause(<-ends))
		p.busy.Lock() // what runs heeds its end first: undos are run
		line.Close()  // the terminal is as it was
		os.Exit(codeOfCause(engine.ErrTerminated))
	}()

	for {
		first, err := line.Prompt(">>> ")
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(p.door.out)
			return nil
		case err != nil:
			return fmt.Errorf("read the terminal: %w", err)
		}
		keep := !strings.HasPrefix(first, " ")
		past.add(first, keep)
		if topic, asked := asksHelp(first); asked {
			p.help(topic)
			continue
		}
		first = strings.TrimLeft(first, " ") // which only says that it is not remembered
		next := func() (string, error) {
			if text := first; text != "" {
				first = ""
				return text + "\n", nil
			}
			text, err := line.Prompt("... ")
			past.add(text, keep)
			return text + "\n", err
		}
		if strings.TrimSpace(first) == "" {
			continue
		}
		in, err := p.session.Read(next)
		switch {
		case errors.Is(err, liner.ErrPromptAborted), errors.Is(err, io.EOF):
			continue
		case err == nil:
			err = p.evaluate(ctx, in, interrupts)
		}
		if err != nil {
			p.complain(err)
		}
	}
}

// evaluate runs one input. Ctrl-C ends it, and not the session.
func (p *prompt) evaluate(ctx context.Context, in *engine.Typed, interrupts <-chan os.Signal) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-interrupts:
			cancel(engine.ErrInterrupted)
		case <-done:
			cancel(nil)
		}
	}()
	return in.Run(ctx, p.show)
}

func (p *prompt) greet(host, from string) {
	where := "on " + host
	if from != "" {
		where = "from " + shortHome(from)
	}
	text := tool() + " " + where + ". help() says what there is, ?ps what ps is; Tab completes, Ctrl-D leaves."
	if len(p.desk.order) > 0 {
		text += " At hand: " + strings.Join(p.desk.order, ", ") + "."
	}
	fill(p.door.stdout(), p.looks.columns(p.door.out), text)
}
