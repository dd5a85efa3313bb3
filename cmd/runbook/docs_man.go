package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"runbook/engine"
	"runbook/engine/markdown"
)

// writeMan writes all that docs can show into a directory, as pages of the manual.
func (d *door) writeMan(dir string) error {
	out, err := openOwn(dir, "runbook docs --man")
	if err != nil {
		return err
	}
	defer out.close()
	files, err := d.manual()
	if err != nil {
		return err
	}
	if err := out.replace(files); err != nil {
		return err
	}
	fmt.Fprintln(d.stdout(), filepath.Join(dir, "man1", "runbook.1"))
	fmt.Fprintf(d.err, "%d pages; read one: man -M %s runbook\n", len(files), dir)
	return nil
}

// manual is a page of section 1 for each verb, and one of section 7 for each topic
// and each recipe.
func (d *door) manual() (map[string][]byte, error) {
	files := map[string][]byte{}
	page := func(name string, section int, says, text string) error {
		b, err := markdown.Man(markdown.ManPage{Name: name, Section: section, Says: says, Date: built(), Made: tool()}, text)
		files[fmt.Sprintf("man%d/%s.%d", section, name, section)] = b
		return err
	}
	root := d.root()
	for _, c := range append([]*cobra.Command{root}, verbsBelow(root)...) {
		if err := page(strings.ReplaceAll(c.CommandPath(), " ", "-"), 1, c.Short, manualOf(c)); err != nil {
			return nil, err
		}
	}
	taken := map[string]bool{}
	for _, t := range topics() {
		taken[t.name] = true
		text, err := t.text(d)
		if err != nil {
			return nil, err
		}
		if err := page("runbook-"+t.name, 7, t.says, text); err != nil {
			return nil, err
		}
	}
	var failed error
	err := d.eachRecipe(func(p engine.Place, r *engine.Recipe, err error) {
		if err != nil {
			text, _, _ := explain(err)
			fmt.Fprintf(d.err, "runbook: %s does not load, and has no page: %s\n", p.Name, printable(firstLine(text)))
			return
		}
		text := recipeDoc(r, p.Name) + "\n## See also\n\nrunbook(1), runbook-run(1), runbook-docs(1)\n"
		failed = errors.Join(failed, page("runbook-"+freeName(p.Name, taken), 7, cmp.Or(r.Summary, r.Title), text))
	})
	if err != nil {
		return nil, err
	}
	return files, failed
}

// manualOf is a verb's page, in the order of manuals.
func manualOf(cmd *cobra.Command) string {
	var b strings.Builder
	section := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "## %s\n\n%s\n\n", name, text)
		}
	}
	section("SYNOPSIS", "`"+usageLine(cmd)+"`")
	section("DESCRIPTION", sentence(cmp.Or(cmd.Long, cmd.Short)))
	words := "WORDS"
	if cmd.HasAvailableSubCommands() {
		words = "VERBS"
	}
	section(words, definitions(wordsOf(cmd)))
	section("OPTIONS", definitions(flagsOf(cmd)))
	if cmd.HasExample() {
		section("EXAMPLES", codeBlock("sh", outdented(cmd.Example)))
	}
	section("EXIT STATUS", exitCodes)
	above := "runbook(1)"
	if cmd.HasParent() && cmd.Parent().HasParent() {
		above = strings.ReplaceAll(cmd.Parent().CommandPath(), " ", "-") + "(1), " + above
	}
	if cmd.HasParent() {
		section("SEE ALSO", above)
	}
	return b.String()
}

func definitions(terms []typed) string {
	var b strings.Builder
	for _, t := range terms {
		fmt.Fprintf(&b, "`%s`\n: %s\n\n", t.word, sentence(t.says))
	}
	return strings.TrimSpace(b.String())
}

// built is the day of the commit that the binary was built from, which is the
// same for everybody who builds it; "" when the Go tool did not note it.
func built() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			day, _, _ := strings.Cut(s.Value, "T")
			return day
		}
	}
	return ""
}
