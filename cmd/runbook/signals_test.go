package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"runbook/engine"
)

// timeout(1) signals its child twice, microseconds apart; a person means each
// Ctrl-C, and so does who sends another signal.
func TestAnEchoIsNoSecondSignal(t *testing.T) {
	const interrupt, end = syscall.SIGINT, syscall.SIGTERM
	for _, c := range []struct {
		name  string
		sent  []os.Signal
		apart time.Duration
		heard []os.Signal
	}{
		{"timeout", []os.Signal{end, end}, time.Microsecond, []os.Signal{end}},
		{"timeout on a full machine", []os.Signal{interrupt, interrupt}, echo / 2, []os.Signal{interrupt}},
		{"pressed twice", []os.Signal{interrupt, interrupt}, echo, []os.Signal{interrupt, interrupt}},
		{"a key held down", []os.Signal{interrupt, interrupt, interrupt, interrupt}, echo / 2, []os.Signal{interrupt, interrupt}},
		{"another signal", []os.Signal{interrupt, end}, time.Microsecond, []os.Signal{interrupt, end}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ch, done := make(chan os.Signal, 4), make(chan struct{})
				pressed := withoutEchoes(ch, done)
				for _, s := range c.sent {
					ch <- s
					time.Sleep(c.apart)
				}
				synctest.Wait()
				close(done)
				var heard []os.Signal
				for len(pressed) > 0 {
					heard = append(heard, <-pressed)
				}
				if !slices.Equal(heard, c.heard) {
					t.Errorf("heard %v, want %v", heard, c.heard)
				}
			})
		})
	}
}

// The second signal of timeout(1) may come when the run is closed and only the
// exit code is still to be given: it is no end of its own.
func TestAnEchoAfterTheEndKillsNobody(t *testing.T) {
	defer signal.Reset(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	ctx, stop := withSignals(t.Context())
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		stop()
		stop = func() {}
	}
	if cause := context.Cause(ctx); !errors.Is(cause, engine.ErrTerminated) {
		t.Error(cause)
	}
}
