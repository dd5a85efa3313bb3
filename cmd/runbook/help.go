package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (d *door) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Say what a verb is for",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return verbNames(at), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0 && at.HasAvailableSubCommands():
				return noVerb(at, rest[0])
			case len(rest) > 0:
				return usage(fmt.Sprintf("help: surplus argument %q", rest[0]), "see: "+at.CommandPath()+" --help")
			}
			return at.Help()
		},
	}
}

// help draws what a verb is for, at the width of the terminal. Examples come
// first: that is what people look for.
func (d *door) help(cmd *cobra.Command) {
	asked, _ := cmd.Flags().GetInt("width") // not all have one
	w, width := d.stdout(), d.helpWidth(asked)
	fill(w, width, cmp.Or(cmd.Long, cmd.Short))
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nUsage:\n  %s VERB\n\nVerbs:\n", cmd.CommandPath())
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				hanging(w, width, c.Name(), c.NamePadding(), c.Short)
			}
		}
	} else {
		fmt.Fprintf(w, "\nUsage:\n  %s\n", cmd.UseLine())
	}
	listWords(w, width, cmd.ValidArgs)
	if flags := strings.TrimRight(cmd.LocalFlags().FlagUsagesWrapped(width), "\n "); flags != "" {
		fmt.Fprintf(w, "\nFlags:\n%s\n", flags)
	}
}

// listWords writes the words that a verb takes, each with a tab before what it
// means, as shells want them.
func listWords(w io.Writer, width int, words []string) {
	wide := 0
	for _, word := range words {
		name, _, _ := strings.Cut(word, "\t")
		wide = max(wide, len(name))
	}
	for i, word := range words {
		if i == 0 {
			fmt.Fprintln(w)
		}
		name, text, _ := strings.Cut(word, "\t")
		hanging(w, width, name, wide, text)
	}
}

// helpWidth is the width of help. asked is --width, where that came with --help;
// 0 = it did not.
func (d *door) helpWidth(asked int) int {
	l := looks{width: cmp.Or(asked, d.conf.Width)}
	return min(max(l.columns(d.out), 20), 100)
}

// fill writes paragraphs, each wrapped anew.
func fill(w io.Writer, width int, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, strings.Join(wrap(paragraph, width), "\n"))
	}
}

// hanging writes a name and what it means; where the page has no room for the
// two beside each other, the meaning stands below.
func hanging(w io.Writer, width int, name string, wide int, text string) {
	const narrow = 24
	if width-wide-4 < narrow {
		fmt.Fprintf(w, "  %s\n    %s\n", name, strings.Join(wrap(text, max(width-4, 8)), "\n    "))
		return
	}
	for _, line := range wrap(text, width-wide-4) {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-*s  %s", wide, name, line), " "))
		name = ""
	}
}
