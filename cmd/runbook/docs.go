package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"runbook/builtins"
	"runbook/engine"
	"runbook/engine/markdown"
)

func (d *door) docsVerb() *cobra.Command {
	var raw bool
	var html, man string
	var l looks
	cmd := &cobra.Command{
		Use:   "docs [RECIPE|TOPIC]",
		Short: "Read the guidance of a recipe, offline",
		Long: "Shows what a recipe says to a person: when to use it, what each step looks at, how to do it by hand. " +
			"TOPIC is " + strings.Join(topicNames(), ", ") + ", or one word that a recipe can call. " +
			"All of it, with the recipes of your own, also becomes a site for a browser, which needs no network, or pages of the manual.",
		Example: `  runbook docs                    what there is to read
  runbook docs wedged-actor
  runbook docs tutorial           a first recipe, tested
  runbook docs builtins           what a recipe can call
  runbook docs ss                 one word of it
  runbook docs testing            how to test one
  runbook docs gotchas            failures met before
  runbook docs wedged-actor --markdown > triage.md
  runbook docs --html site        all of it, for a browser
  runbook docs --man man          pages for man -M man`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: d.completeDocs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.check(); err != nil {
				return err
			}
			toHTML, toMan := cmd.Flags().Changed("html"), cmd.Flags().Changed("man")
			switch {
			case toHTML && toMan:
				return usage("docs: --html and --man: want one of them", "")
			case (toHTML || toMan) && (len(args) > 0 || raw):
				return usage("docs: --html and --man write all pages, and take nothing beside them", "")
			case toHTML:
				return d.writeSite(html)
			case toMan:
				return d.writeMan(man)
			}
			text, err := d.docsText(args)
			if err != nil {
				return err
			}
			if raw {
				_, err := fmt.Fprintln(d.stdout(), strings.TrimSpace(text))
				return err
			}
			text, err = markdown.Render(text, markdown.Options{Width: l.columns(d.out), Color: l.colored(d.out)})
			if err != nil {
				return err
			}
			return d.page(strings.TrimRight(text, "\n") + "\n")
		},
	}
	cmd.Flags().BoolVar(&raw, "markdown", false, "the markdown itself")
	cmd.Flags().Var(filled{&html, "a directory"}, "html", "write all of it as a site into `dir`, which must be new, empty, or one that this wrote")
	cmd.Flags().Var(filled{&man, "a directory"}, "man", "write all of it as pages of the manual into `dir`, likewise")
	l.flags(cmd.Flags(), &d.conf)
	return cmd
}

// docsText is what was asked for, as markdown.
func (d *door) docsText(args []string) (string, error) {
	if len(args) == 0 {
		return d.docsIndex()
	}
	for _, t := range topics() {
		if t.name == args[0] {
			return t.text(d)
		}
	}
	text, err := d.docsOf(args[0])
	var none *engine.NotFoundError
	if errors.As(err, &none) && none.Unread == nil {
		if word := wordDoc(args[0]); word != "" {
			return word, nil
		}
	}
	return text, err
}

// wordDoc is the page of a word that a recipe can call, or of a type; "" when
// there is none of that name.
func wordDoc(name string) string {
	for _, w := range append(builtins.Table(builtins.Options{}), engine.Words()...) {
		if w.Name == name {
			return "# " + w.Name + "\n\n" + w.Page()
		}
	}
	for _, t := range builtins.Types() {
		if t.Name == name {
			return typePage(t)
		}
	}
	return ""
}

func (d *door) docsOf(name string) (string, error) {
	k, _, err := open(d.roots(), name)
	if err != nil {
		return "", err
	}
	defer k.close()
	r, err := k.load(name)
	if err != nil {
		return "", err
	}
	return recipeDoc(r, name), nil
}

func (d *door) docsIndex() (string, error) {
	rows, err := d.catalogue()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# runbook\n\nEach recipe is one file that you can read, change and copy: guidance beside the code that follows it.\n\n")
	for _, r := range rows {
		if r.Error == "" {
			fmt.Fprintf(&b, "- `runbook docs %s`: %s\n", r.Name, cmp.Or(r.Summary, r.Title))
		}
	}
	for _, t := range topics() {
		fmt.Fprintf(&b, "- `runbook docs %s`: %s\n", t.name, t.says)
	}
	return b.String(), nil
}

// required is what a command line must have besides the recipe's name, as it is
// typed: " --case CASE", " SUITES …".
func required(params []engine.Param) string {
	flags, rest := "", ""
	for _, p := range params {
		switch {
		case !p.Required:
		case p.Kind == engine.KindRest:
			rest += " " + p.Typed()
		default:
			flags += " " + p.Typed() + " " + strings.ToUpper(p.Name)
		}
	}
	return flags + rest
}

// recipeDoc is the guidance of a recipe as one page: what the file says, its
// flags, its steps. called is what the person called it, a name or a path: what
// found it here finds it for run, too.
func recipeDoc(r *engine.Recipe, called string) string {
	var b strings.Builder
	if !strings.HasPrefix(strings.TrimSpace(r.Doc), "# ") {
		fmt.Fprintf(&b, "# %s\n\n", r.Title)
	}
	fmt.Fprintf(&b, "%s\n\n```sh\nrunbook run %s\n```\n", strings.TrimSpace(r.Doc), called+required(r.Params))
	if len(r.Params) > 0 {
		b.WriteString("\n## Flags\n\n")
		for _, p := range r.Params {
			fmt.Fprintf(&b, "- `%s` (%s): %s\n", p.Typed(), p.Kind, paramHelp(p))
		}
	}
	for i, s := range r.Steps {
		fmt.Fprintf(&b, "\n## %d. %s\n\n", i+1, s.Title)
		for _, n := range s.Needs {
			fmt.Fprintf(&b, "*Needs the effect `%s`; grant it with* `--allow %s`.\n\n", n, n)
		}
		if s.Guidance != "" {
			b.WriteString(lowerHeadings(s.Guidance) + "\n")
		}
	}
	if r.Embedded {
		fmt.Fprintf(&b, "\n*Ships with runbook, as `%s`.*\n", r.Path)
	} else {
		fmt.Fprintf(&b, "\n*Source: `%s`*\n", r.Origin)
	}
	return b.String()
}

// lowerHeadings puts a step's own headings below the step's.
func lowerHeadings(md string) string {
	fenced := false
	lines := strings.Split(md, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if !fenced && strings.HasPrefix(line, "#") {
			lines[i] = "##" + line
		}
	}
	return strings.Join(lines, "\n")
}

// page shows text through the pager when a person reads it on a terminal.
func (d *door) page(text string) error {
	pager := cmp.Or(d.conf.Pager, cmp.Or(os.Getenv("PAGER"), "less -R"))
	if !isTerminal(d.out) || pager == "cat" || os.Getenv("TERM") == "dumb" {
		_, err := fmt.Fprint(d.stdout(), text)
		return err
	}
	cmd := exec.Command("sh", "-c", pager)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), d.out, os.Stderr
	cmd.Env = append(os.Environ(), "LESS="+cmp.Or(os.Getenv("LESS"), "FRX"))
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) || exit != nil && exit.ExitCode() == 127 {
		_, err := fmt.Fprint(d.stdout(), text) // no such pager
		return err
	}
	return nil
}
