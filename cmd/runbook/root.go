package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runbook/builtins/probe"
	"runbook/engine"
)

// main1 is the program; tests call it too. It returns the exit code.
func main1() int {
	beActor()
	probe.BeGuard()
	beConfined() // whose memory is short
	// We live for tens of milliseconds and use a few megabytes, which to collect
	// takes longer than to keep.
	debug.SetGCPercent(400)
	d := &door{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	return d.enter(os.Args[1:])
}

// door is where a person meets the program: the streams, and the exit code of
// the verb that ran.
type door struct {
	in   *os.File
	out  *os.File
	err  io.Writer
	code int
	conf config
	lost error // the first failure to write what was asked for

	known []root // where recipes come from, once somebody asked: see roots

	completing bool // for a shell
}

func (d *door) enter(args []string) int {
	d.completing = len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
	var err error
	var wrong *hinted
	switch d.conf, err = readConfig(); {
	case err == nil:
	case d.completing:
		d.conf = config{} // nothing but words may come now
	case errors.As(err, &wrong) && !forHelp(args):
		return d.complain(err)
	default:
		d.conf = config{}
		d.complain(err)
	}
	cmd := d.root()
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		return d.complain(err)
	}
	if d.lost != nil {
		return d.complain(d.lost)
	}
	return d.code
}

// forHelp reports whether a person only wants to read how to use us, which a
// configuration that is wrong must not keep them from.
func forHelp(args []string) bool {
	if len(args) == 0 || args[0] == "help" || args[0] == "version" || args[0] == "completion" {
		return true
	}
	for _, a := range args {
		switch a {
		case "-h", "--help":
			return true
		case "--":
			return false
		}
	}
	return false
}

// stdout is where verbs write. What could not be written makes the exit code 3,
// whatever they found; a reader that went away (| head) has seen enough.
func (d *door) stdout() io.Writer { return watched{d} }

type watched struct{ *door }

func (w watched) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.lose(err)
	return n, err
}

func (d *door) lose(err error) {
	if err != nil && d.lost == nil && !isBrokenPipe(err) {
		d.lost = &hinted{err: err, code: exitWrong}
	}
}

func (d *door) root() *cobra.Command {
	var version bool
	cmd := &cobra.Command{
		Use:   "runbook",
		Short: "Find out why it hangs, by recipes that you can read",
		Long: `runbook turns a team's debugging lore into something a machine runs: each recipe
looks at the machine, names the cause, says what it means and what to do.`,
		Example: `  runbook demo                       boots a wedged actor tree and diagnoses it
  runbook run wedged-actor           while something hangs
  runbook list                       the recipes there are
  runbook docs wedged-actor          the guidance, offline
  runbook doctor                     what this machine lets us see`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // for our own "did you mean"
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case version:
				return d.sayVersion()
			case len(args) == 0:
				return cmd.Help()
			}
			return noVerb(cmd, args[0])
		},
	}
	cmd.Flags().BoolVar(&version, "version", false, "say which runbook this is")
	cmd.SetOut(d.stdout())
	cmd.SetErr(d.err)
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { d.help(cmd) })
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		text := flagText(err)
		if cmd.HasParent() {
			text = cmd.Name() + ": " + text
		}
		return usage(text, hintFlag(err, cmd.Flags(), cmd.CommandPath()))
	})
	cmd.AddCommand(
		d.runVerb(), d.listVerb(), d.docsVerb(), d.newVerb(), d.checkVerb(), d.fmtVerb(), d.lspVerb(), d.stubsVerb(), d.testVerb(), d.captureVerb(), d.stacksVerb(),
		d.replVerb(), d.replayVerb(), d.historyVerb(), d.recoverVerb(), d.trustVerb(), d.packVerb(), d.demoVerb(), d.doctorVerb(), d.versionVerb(),
	)
	cmd.SetHelpCommand(d.helpVerb())
	cmd.InitDefaultCompletionCmd()
	for _, c := range cmd.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = nil, func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return cmd.Help()
				}
				return usage(fmt.Sprintf("completion: no shell %q", args[0]), hintNearest(args[0], verbNames(cmd), "shells"))
			}
			if bash, _, err := c.Find([]string{"bash"}); err == nil {
				d.bashCompletion(bash)
			}
		}
	}
	for _, c := range cmd.Commands() {
		c.Args = surplus(c.Args)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if d.completing {
				_, f.Usage = pflag.UnquoteUsage(f) // a shell shows the marks
			}
		})
	}
	return cmd
}

// noVerb is the error of a word that is no verb of cmd.
func noVerb(cmd *cobra.Command, word string) error {
	hint := hintNearest(word, verbNames(cmd), "verbs")
	if _, err := newBench([]root{{}}).library.Locate(word); err == nil {
		hint = "it is a recipe: runbook run " + word
	}
	return usage(fmt.Sprintf("no verb %q", word), hint)
}

// verbNames are the verbs of cmd that a person may type.
func verbNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// surplus says in our words which argument is one too many; what a verb says
// itself stays.
func surplus(args cobra.PositionalArgs) cobra.PositionalArgs {
	if args == nil {
		return nil
	}
	return func(cmd *cobra.Command, given []string) error {
		err := args(cmd, given)
		var ours *hinted
		if err == nil || errors.As(err, &ours) {
			return err
		}
		for i := range given {
			if args(cmd, given[:i+1]) != nil {
				return usage(fmt.Sprintf("%s: surplus argument %q", cmd.Name(), given[i]), "see: "+cmd.CommandPath()+" --help")
			}
		}
		return usage(cmd.Name()+": "+err.Error(), "see: "+cmd.CommandPath()+" --help")
	}
}

// complain says err in one line, and the hint in a second, and returns the
// exit code for it.
func (d *door) complain(err error) int {
	var said exitError
	if errors.As(err, &said) {
		return int(said)
	}
	text, hint, code := explain(err)
	fmt.Fprintf(d.err, "runbook: %s\n", text)
	if hint != "" {
		fmt.Fprintf(d.err, "hint: %s\n", hint)
	}
	return code
}

// explain takes an error apart: what happened, what to type, how to exit.
func explain(err error) (text, hint string, code int) {
	var h *hinted
	var lost *engine.NotFoundError
	var misuse *engine.UsageError
	var broken *engine.LoadError
	var gone *died
	switch {
	case errors.As(err, &h):
		if h.hint == "" {
			text, hint, _ = explain(h.err)
			return text, hint, h.code
		}
		return h.Error(), h.hint, h.code
	case errors.As(err, &lost), errors.As(err, &misuse), errors.As(err, &broken):
		code = exitUsage
	case errors.Is(err, fs.ErrNotExist):
		code = exitUsage
	case errors.Is(err, engine.ErrInterrupted):
		code = 130
	case errors.Is(err, engine.ErrTerminated):
		code = 143
	case errors.As(err, &gone):
		code = exitWrong
	default:
		code = exitWrong
	}
	text = err.Error()
	// The engine's errors carry their hint as a last line.
	if i := strings.LastIndex(text, "\nhint: "); i >= 0 && !strings.Contains(text[i+1:], "\n") {
		text, hint = text[:i], text[i+len("\nhint: "):]
	}
	return text, hint, code
}
