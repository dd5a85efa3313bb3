package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"runbook/builtins"
)

func (d *door) stubsVerb() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "stubs",
		Short: "Write typed stubs of all builtins, for editors that know Python",
		Long: "Prints what a recipe can call, with arguments, types and docs, as stubs of Python. With -o they become the file " + builtins.StubsFile + " of a directory, " +
			"where pyright and the editors that use it look for words that every file knows. mypy looks nowhere for these: to it every word is undefined.\n\nAn editor that can start a language server is better served by `runbook lsp`.",
		Example: `  runbook stubs        to look at
  runbook stubs -o .   beside the pyproject.toml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := builtins.Stubs(builtins.Table(builtins.Options{}))
			if dir == "" {
				_, err := fmt.Fprint(d.stdout(), text)
				return err
			}
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return usage(fmt.Sprintf("stubs: -o %s: no such directory", printable(dir)), "mkdir -p "+dir)
			}
			file := filepath.Join(dir, builtins.StubsFile)
			if err := mayReplaceStubs(file); err != nil {
				return err
			}
			if err := replaceFile(file, []byte(text), 0o644); err != nil {
				return usageBecause(fmt.Errorf("stubs: %w", err))
			}
			fmt.Fprintln(d.stdout(), printable(file))
			return nil
		},
	}
	cmd.Flags().VarP(filled{&dir, "a directory"}, "out", "o", "write them into `dir`, in place of those that are there")
	return cmd
}

// mayReplaceStubs refuses to write over stubs that somebody else wrote.
func mayReplaceStubs(file string) error {
	old, err := os.ReadFile(file)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return usageBecause(fmt.Errorf("stubs: %w", err))
	case len(old) >= len(stubsMark) && string(old[:len(stubsMark)]) == stubsMark:
		return nil
	}
	return usage(fmt.Sprintf("stubs: %s is there, and not from runbook", file), "name another directory, or add them by hand: runbook stubs >> "+file)
}

const stubsMark = "# Written by: runbook stubs\n"
