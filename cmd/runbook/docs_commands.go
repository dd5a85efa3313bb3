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
	use := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		use = cmd.CommandPath() + " VERB"
	}
	fmt.Fprintf(&b, "%s\n\n```sh\n%s\n```\n", sentence(cmp.Or(cmd.Long, cmd.Short)), use)
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n\n```sh\n%s\n```\n", outdented(cmd.Example))
	}
	var rows []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			rows = append(rows, fmt.Sprintf("- `%s`: %s", c.CommandPath(), plainText(c.Short)))
		}
	}
	for _, word := range cmd.ValidArgs {
		name, says, _ := strings.Cut(word, "\t")
		rows = append(rows, fmt.Sprintf("- `%s`: %s", name, plainText(says)))
	}
	if len(rows) > 0 {
		b.WriteString("\n" + strings.Join(rows, "\n") + "\n")
	}
	if rows := flagRows(cmd); len(rows) > 0 {
		b.WriteString("\nFlags:\n\n" + strings.Join(rows, "\n") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

func flagRows(cmd *cobra.Command) []string {
	flags := cmd.LocalFlags()
	if cmd.DisableFlagParsing { // run, whose flags depend on the recipe
		flags = (&runFlags{}).set(&config{})
	}
	var rows []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, says := pflag.UnquoteUsage(f)
		text := "--" + f.Name
		if f.Shorthand != "" {
			text = "-" + f.Shorthand + ", " + text
		}
		if kind != "" && f.NoOptDefVal == "" {
			text += " " + strings.ToUpper(kind)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" {
			says += " (default " + f.DefValue + ")"
		}
		rows = append(rows, fmt.Sprintf("- `%s`: %s", text, plainText(says)))
	})
	return rows
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
