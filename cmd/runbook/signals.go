package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"runbook/builtins/probe"
	"runbook/engine"
)

// withSignals returns a context that ends at the first Ctrl-C or SIGTERM, with
// the cause that the engine closes a run by. The second one ends what we started
// with SIGKILL, and the process: whoever presses twice does not want to wait for
// anybody's grace. Work trees are put back all the same, unless a third one says
// that this takes too long. Ctrl-\ is taken for Ctrl-C: Go would dump our stacks, and
// leave a work tree as it is.
//
// A SIGINT that was ignored when we were started (a background job of a
// script) stays ignored.
func withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan os.Signal, 4)
	wanted := []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
	if !signal.Ignored(syscall.SIGINT) {
		wanted = append(wanted, syscall.SIGINT)
	}
	if signal.Ignored(syscall.SIGHUP) {
		wanted = append(wanted[:1], wanted[2:]...)
	}
	if !signal.Ignored(syscall.SIGQUIT) {
		wanted = append(wanted, syscall.SIGQUIT)
	}
	signal.Notify(ch, wanted...)

	// A reader that went away (`| head`) must not end the run in the middle:
	// caught here, the write fails with EPIPE instead. Not ignored, because a
	// program that we start would inherit that.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)

	done := make(chan struct{})
	pressed := withoutEchoes(ch, done)
	go func() {
		select {
		case s := <-pressed:
			cancel(cause(s))
		case <-done:
			return
		}
		select {
		case s := <-pressed:
			probe.EndAll()
			putBackUnless(pressed)
			os.Exit(codeOf(s))
		case <-done:
		}
	}()
	return ctx, func() {
		close(done)
		if ctx.Err() == nil { // else an echo, at the last moment, would end us instead of our exit code
			signal.Stop(ch)
		}
		signal.Stop(pipe)
		cancel(nil)
	}
}

// echo is how soon after a signal the same one is no second Ctrl-C. Nobody
// presses so fast who means it; on a full machine the two of timeout(1) are tens
// of milliseconds apart.
const echo = 200 * time.Millisecond

// withoutEchoes returns the signals of ch but for those that say nothing new:
// timeout(1) signals its child and then its whole group, so the child again.
func withoutEchoes(ch <-chan os.Signal, done <-chan struct{}) <-chan os.Signal {
	heard := make(chan os.Signal, cap(ch))
	go func() {
		var last os.Signal
		var at time.Time
		for {
			select {
			case s := <-ch:
				if s == last && time.Since(at) < echo {
					continue
				}
				last, at = s, time.Now()
				select {
				case heard <- s:
				default: // nobody listens any more, as with signal.Notify
				}
			case <-done:
				return
			}
		}
	}()
	return heard
}

// putBackUnless puts work trees back until one more signal comes, and says what
// it did not finish.
func putBackUnless(again <-chan os.Signal) {
	ended := make(chan error, 1)
	go func() { ended <- probe.PutBackAll(context.Background()) }()
	var err error
	select {
	case err = <-ended:
	case <-again:
		err = errors.New("a work tree is not put back yet")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "runbook: %v\nhint: runbook recover\n", err)
	}
}

func cause(s os.Signal) error {
	if s == syscall.SIGINT || s == syscall.SIGQUIT {
		return engine.ErrInterrupted
	}
	return engine.ErrTerminated
}

// codeOfCause is the exit code of what a signal ended.
func codeOfCause(cause error) int {
	if errors.Is(cause, engine.ErrInterrupted) {
		return 130
	}
	return 143
}

func codeOf(s os.Signal) int { return codeOfCause(cause(s)) }
