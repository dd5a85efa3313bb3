package main

import (
	"fmt"
	"io"
	"os"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"runbook/engine/format"
)

// maxSource is how large a file may be, as for those that are run.
const maxSource = 512 << 10

func (d *door) fmtVerb() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [FILES]",
		Short: "Lay out recipe files in the one way",
		Long: "Writes each file anew as buildifier lays it out, and names those that changed. Guidance and other texts that span lines stay as they are, to the byte; " +
			"so do comments. A file that is no Starlark is left alone.\n\n" +
			"FILES are files, or directories to search; without any, the nearest .runbook; - is stdin, laid out to stdout.\n\n" +
			"Exit 0: all is laid out. 1: with --check, a file is not. 2: usage, or a file that cannot be read.",
		Example: `  runbook fmt                     all recipes of this repository
  runbook fmt --check             show what would change; for CI
  runbook fmt - < mine.star`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				return d.fmtStdin(check)
			}
			files, err := d.starFiles(args, false) // what a link leads to lies elsewhere: only who names it means it
			if err != nil {
				return err
			}
			for _, file := range files {
				d.fmtFile(file, check)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; show what would change, and exit 1 if anything would")
	return cmd
}

func (d *door) fmtStdin(check bool) error {
	source, err := io.ReadAll(io.LimitReader(d.in, maxSource+1))
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	if len(source) > maxSource {
		return usage("stdin: larger than 512 KiB", "a recipe is a text that people read")
	}
	out, err := format.Source("stdin", source)
	if err != nil {
		return usageBecause(err)
	}
	if check {
		d.fmtShow("stdin", string(source), string(out))
		return nil
	}
	_, err = d.stdout().Write(out)
	return err
}

// fmtFile lays out one file. What cannot be done is said, and the next file
// gets its turn.
func (d *door) fmtFile(name string, check bool) {
	fail := func(err error) { d.code = max(d.code, d.complain(usageBecause(err))) }
	info, err := os.Stat(name)
	if err != nil {
		d.code = max(d.code, d.complain(d.notThere(name, err)))
		return
	}
	if !info.Mode().IsRegular() || info.Size() > maxSource {
		fail(fmt.Errorf("%s: not a regular file of at most 512 KiB", name))
		return
	}
	source, err := os.ReadFile(name)
	if err != nil {
		fail(err)
		return
	}
	out, err := format.Source(name, source)
	switch {
	case err != nil:
		fail(err)
	case string(out) == string(source):
	case check:
		d.fmtShow(name, string(source), string(out))
	default:
		if err := replaceFile(name, out, info.Mode().Perm()); err != nil {
			fail(err)
			return
		}
		fmt.Fprintln(d.stdout(), printable(name))
	}
}

// fmtShow says what would change in a file, as a patch.
func (d *door) fmtShow(name, source, out string) {
	if source == out {
		return
	}
	d.code = max(d.code, exitFound)
	fmt.Fprint(d.stdout(), printable(udiff.Unified(name, name+" (laid out)", source, out)))
}
