package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"runbook/engine/lsp"
)

func (d *door) lspVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lsp",
		Short: "Serve an editor: what check says, completion, docs",
		Long: "Speaks the Language Server Protocol on stdin and stdout; an editor starts it. It says what `runbook check` says while a recipe is typed, completes what can stand at the cursor, " +
			"shows the docs of builtins, fields and functions, goes to definitions, also to those that ship with runbook, and lays files out as `runbook fmt` does.\n\n" +
			"Recipes are loaded in a confined process, never run. Files that do not end in .star are left alone.",
		Example: `  runbook lsp          in the settings of an editor
  runbook stubs -o .   for one that knows Python only`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if isTerminal(d.in) {
				return usage("lsp: stdin is a terminal, and no editor", "name `runbook lsp` in the settings of your editor")
			}
			return d.serveEditor(cmd.Context())
		},
	}
	// Clients of Visual Studio Code say so by habit.
	cmd.Flags().Bool("stdio", true, "stdin and stdout; there is no other way")
	return cmd
}

const (
	editorPoll  = 2 * time.Second        // until the death of an editor is seen
	editorQuiet = 100 * time.Millisecond // between two keys of somebody who types
)

func (d *door) serveEditor(ctx context.Context) error {
	// A stray print would break the stream: whoever prints now, prints to stderr.
	out := d.out
	d.out, os.Stdout = os.Stderr, os.Stderr
	a := &analyst{}
	defer a.close()
	err := lsp.Serve(ctx, lsp.Options{
		In: d.in, Out: out, Log: d.err, Version: version, Analyst: a, Begin: func(dir string) { _ = os.Chdir(dir) },
		Alive: isAlive, Poll: editorPoll, Quiet: editorQuiet,
	})
	if errors.Is(err, lsp.ErrNoShutdown) {
		fmt.Fprintf(d.err, "runbook: lsp: %v\n", err)
		return exitError(1) // as the protocol has it
	}
	return err
}

func isAlive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
