package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/sink"
)

// asker asks on the terminal, when there is a person at it: both the question
// and the answer must go through one.
func (d *door) asker(r *runFlags, o *output) asker {
	errFile, ok := d.err.(*os.File)
	if !ok || !isTerminal(d.in) || !isTerminal(errFile) || r.dryRun || r.from != "" || r.proc != "" {
		return nil
	}
	return func(ctx context.Context, effect engine.Effect, step string, what event.View) (bool, error) {
		// The terminal sink has drawn the question when the event of it came;
		// a person whose stdout goes elsewhere has not seen it.
		if !isTerminal(o.text) {
			asked := event.Asked{Effect: string(effect), What: what}
			if err := sink.DrawQuestion(errFile, step, asked, r.terminal(errFile, false)); err != nil {
				return false, err
			}
		}
		fmt.Fprintf(errFile, "Go ahead? [y/N] ")
		yes, err := readYes(ctx, d.in)
		if err != nil {
			fmt.Fprintln(errFile) // the line of the prompt has no other end
		}
		return yes, err
	}
}

// readYes waits for one line, or for the end of ctx: Ctrl-C, a deadline. End of
// input is a no.
func readYes(ctx context.Context, in io.Reader) (bool, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1) // who stops waiting leaves the reader behind
	go func() {
		text, err := readLine(in)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		text := strings.ToLower(strings.TrimSpace(l.text))
		return text == "y" || text == "yes", l.err
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// readLine reads byte by byte: what the person typed ahead for the shell stays
// there.
func readLine(in io.Reader) (string, error) {
	var text []byte
	b := make([]byte, 1)
	for len(text) < 100 {
		n, err := in.Read(b)
		switch {
		case n == 1 && b[0] == '\n', err == io.EOF:
			return string(text), nil
		case err != nil:
			return "", err
		}
		text = append(text, b[:n]...)
	}
	return string(text), nil
}
