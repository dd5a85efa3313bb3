package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runbook/engine"
	"runbook/engine/site"
)

// writeSite writes all that docs can show into a directory, for a browser.
func (d *door) writeSite(dir string) error {
	out, err := openOwn(dir, "runbook docs --html")
	if err != nil {
		return err
	}
	defer out.close()
	s, err := d.site()
	if err != nil {
		return err
	}
	files, err := s.Files()
	if err != nil {
		return fmt.Errorf("docs: %w", err)
	}
	if err := out.replace(files); err != nil {
		return err
	}
	fmt.Fprintln(d.stdout(), filepath.Join(dir, s.Pages[0].Path))
	fmt.Fprintf(d.err, "%d pages; open that in a browser, or publish the directory\n", len(s.Pages))
	return nil
}

// site is the way in, the tutorial, the recipes of every root, and the other topics.
func (d *door) site() (site.Site, error) {
	s := site.Site{Title: "runbook", Made: "Written by " + tool()}
	home := site.Page{Path: "index.html", Title: "runbook", Markdown: welcome}
	var first, recipes, reference []site.Page
	taken := map[string]bool{}
	err := d.eachRecipe(func(p engine.Place, r *engine.Recipe, err error) {
		page := site.Page{Path: "recipes/" + freeName(p.Name, taken) + ".html", Group: groupOf(p.Root), Title: p.Name, Answers: []string{"runbook run " + p.Name, "runbook docs " + p.Name}}
		if err != nil {
			text, _, _ := explain(err)
			fmt.Fprintf(d.err, "runbook: %s does not load, and its page says so: %s\n", p.Name, printable(firstLine(text)))
			page.Summary, page.Origin = "does not load", printable(p.Origin())
			page.Markdown = fmt.Sprintf("# %s\n\nThis recipe does not load:\n\n%s\n", p.Name, codeBlock("text", text))
		} else {
			page.Summary, page.Source, page.Markdown = cmp.Or(r.Summary, r.Title), r.Source, recipeDoc(r, p.Name)
			if !r.Embedded {
				page.Origin = printable(r.Origin)
			}
			if p.Shadows != "" {
				page.Origin += ", hides the " + printable(p.Shadows) + " one"
			}
		}
		recipes = append(recipes, page)
	})
	if err != nil {
		return s, err
	}
	slices.SortStableFunc(recipes, func(a, b site.Page) int { return strings.Compare(a.Group, b.Group) })
	for _, t := range topics() {
		text, err := t.text(d)
		if err != nil {
			return s, err
		}
		page := site.Page{Path: t.name + ".html", Group: "Reference", Title: t.title, Summary: t.says, Markdown: text, Answers: []string{"runbook docs " + t.name}}
		if t.name == "tutorial" {
			page.Group = "First steps"
			first = append(first, page)
			continue
		}
		page.Defines = t.name == "builtins" || t.name == "commands"
		reference = append(reference, page)
	}
	s.Pages = slices.Concat([]site.Page{home}, first, recipes, reference)
	return s, nil
}

// groupOf is the heading below which the recipes of a root stand. By the alphabet
// the nearest come first.
func groupOf(r *engine.Root) string {
	switch {
	case r.Embedded:
		return "Recipes that ship with runbook"
	case r.Pack != "":
		return "Recipes of @" + r.Pack
	case r.Trusted:
		return "Recipes of your own"
	}
	return "Recipes here"
}

// welcome is the first page, above the list of all.
const welcome = `# runbook

Each recipe is one file that you can read, change and copy: guidance beside the code that follows it. While something hangs:

` + "```sh\nrunbook run wedged-actor\nrunbook docs wedged-actor\n```" + `

It only looks, unless you let it act. What could not be read is said, and never taken for a good sign.
`

// freeName is a file's name for a page: names that differ in their letters' case
// only are one file on some machines.
func freeName(name string, taken map[string]bool) string {
	free := name
	for i := 2; taken[strings.ToLower(free)]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	taken[strings.ToLower(free)] = true
	return free
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// codeBlock fences a text, whatever that holds.
func codeBlock(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimRight(text, "\n") + "\n" + fence
}
