package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandsDoc is what --help says of every verb, as one page.
func commandsDoc(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Commands\n\n%s\n", commandDoc(root))
	for _, c := range verbsBelow(root) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", c.CommandPath(), commandDoc(c))
	}
	b.WriteString("\n## Exit codes\n\n" + exitCodes)
	return b.String()
}

// exitCodes stands in README, too, word for word.
const exitCodes = "| exit code | |\n" +
	"| --- | --- |\n" +
	"| 0 | no fault |\n" +
	"| 1 | at least one fault (`--fail-on warn`: or a warning) |\n" +
	"| 2 | usage, or a recipe that does not load |\n" +
	"| 3 | incomplete, and no fault: a step failed or was denied, the asked-for process is not there, a fact that could change the verdict could not be read, or what `--record` asked for could not be kept |\n" +
	"| 130, 143 | interrupted, terminated: what was begun was put back, the record is closed |\n"

// verbsBelow are all verbs that a person may type, those of verbs behind theirs.
func verbsBelow(cmd *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			out = append(append(out, c), verbsBelow(c)...)
		}
	}
	return out
}

// commandDoc is what a verb is for, how it is called, and its flags.
func commandDoc(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", sentence(cmp.Or(cmd.Long, cmd.Short)), codeBlock("sh", usageLine(cmd)))
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n\n%s\n", codeBlock("sh", outdented(cmd.Example)))
	}
	writeTerms(&b, "\n", wordsOf(cmd))
	writeTerms(&b, "\nFlags:\n\n", flagsOf(cmd))
	return strings.TrimRight(b.String(), "\n")
}

func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " VERB"
	}
	return cmd.UseLine()
}

// typed is a word that is typed, and what it means.
type typed struct{ word, says string }

func writeTerms(b *strings.Builder, above string, terms []typed) {
	for i, t := range terms {
		if i == 0 {
			b.WriteString(above)
		}
		fmt.Fprintf(b, "- `%s`: %s\n", t.word, plainText(t.says))
	}
}

// wordsOf are the verbs below a verb, or the words that it takes.
func wordsOf(cmd *cobra.Command) []typed {
	var terms []typed
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			terms = append(terms, typed{c.CommandPath(), c.Short})
		}
	}
	for _, valid := range cmd.ValidArgs {
		name, says, _ := strings.Cut(valid, "\t")
		terms = append(terms, typed{name, says})
	}
	return terms
}

func flagsOf(cmd *cobra.Command) []typed {
	flags := cmd.LocalFlags()
	if cmd.DisableFlagParsing { // run, whose flags depend on the recipe
		flags = (&runFlags{}).set(&config{})
	}
	var terms []typed
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, says := pflag.UnquoteUsage(f)
		word := "--" + f.Name
		if f.Shorthand != "" {
			word = "-" + f.Shorthand + ", " + word
		}
		if kind != "" && f.NoOptDefVal == "" {
			word += " " + strings.ToUpper(kind)
		}
		switch f.DefValue {
		case "", "false", "0", "0s", "[]":
		default:
			says += " (default " + f.DefValue + ")"
		}
		terms = append(terms, typed{word, says})
	})
	return terms
}

// sentence is a help text with its end, as a page has it.
func sentence(s string) string {
	s = plainText(strings.TrimSpace(s))
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}

// plainText is a help text as markdown that means no more than it.
func plainText(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "|", `\|`, "[", `\[`).Replace(s)
}

// outdented takes away the two blanks with which --help sets examples off.
func outdented(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "  "), "\n  ", "\n")
}
