package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"runbook/engine"
)

func (d *door) listVerb() *cobra.Command {
	var asJSON bool
	var l looks
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the recipes",
		Example: "  runbook list\n  runbook list --json | jq '.[].name'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := l.check(); err != nil {
				return err
			}
			entries, err := d.catalogue()
			if err != nil {
				return err
			}
			if asJSON {
				return d.printJSON(entries)
			}
			d.printList(entries, l.columns(d.out))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array")
	l.flags(cmd.Flags(), &d.conf)
	return cmd
}

// listed is a recipe as `list` shows it. Fields are never renamed.
type listed struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Summary string        `json:"summary"`
	Tags    []string      `json:"tags"`
	Origin  string        `json:"origin"`
	Shadows string        `json:"shadows,omitempty"`
	Params  []listedParam `json:"params"`
	Needs   []string      `json:"needs"`
	Error   string        `json:"error,omitempty"` // why it does not load
}

type listedParam struct {
	Name    string   `json:"name"`
	Flag    string   `json:"flag"`
	Kind    string   `json:"kind"`
	Default string   `json:"default"`
	Doc     string   `json:"doc"`
	Choices []string `json:"choices,omitempty"`

	Required bool `json:"required,omitempty"`
}

// catalogue lists every recipe of every root. One that is broken is listed
// with its error, and so is one that kills the process that loads it.
func (d *door) catalogue() ([]listed, error) {
	out := []listed{}
	err := d.eachRecipe(func(p engine.Place, r *engine.Recipe, err error) {
		row := listed{Name: p.Name, Tags: []string{}, Params: []listedParam{}, Needs: []string{}, Origin: p.Origin(), Shadows: p.Shadows}
		if err != nil {
			row.Error, _, _ = explain(err)
		} else {
			row.fill(r)
		}
		out = append(out, row)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// eachRecipe loads every recipe of every root, by name; one has an error when it
// does not load, and the others go on.
func (d *door) eachRecipe(do func(p engine.Place, r *engine.Recipe, err error)) error {
	roots := d.roots()
	home := newBench(roots)
	places, err := home.library.Places()
	if err != nil {
		fmt.Fprintf(d.err, "runbook: %v\n", err)
	}
	var c *cell
	for _, p := range places {
		var k kitchen = home
		if !p.Root.Embedded {
			if c == nil {
				if c, err = openCell(roots); err != nil {
					return err
				}
			}
			k = c
		}
		r, err := k.load(p.Name)
		if errors.Is(err, engine.ErrNoRecipe) { // only for others to load it
			continue
		}
		var gone *died
		if errors.As(err, &gone) {
			c = nil // the next recipe gets a process of its own
		}
		do(p, r, err)
	}
	if c != nil {
		c.close()
	}
	return nil
}

func (row *listed) fill(r *engine.Recipe) {
	row.Title, row.Summary = r.Title, r.Summary
	row.Tags = append(row.Tags, r.Tags...)
	for _, p := range r.Params {
		row.Params = append(row.Params, listedParam{p.Name, p.Typed(), string(p.Kind), p.Default, p.Doc, p.Choices, p.Required})
	}
	for _, s := range r.Steps {
		for _, n := range s.Needs {
			if !strings.Contains(strings.Join(row.Needs, " "), string(n)) {
				row.Needs = append(row.Needs, string(n))
			}
		}
	}
}

func (d *door) printList(rows []listed, width int) {
	wide := 0
	for _, r := range rows {
		wide = max(wide, len(r.Name))
	}
	for _, r := range rows {
		text := cmp.Or(r.Summary, r.Title)
		if r.Error != "" {
			first, _, _ := strings.Cut(r.Error, "\n")
			text = "does not load: " + first
		}
		if r.Origin != "embedded" {
			text += "  (" + r.Origin
			if r.Shadows != "" {
				text += ", hides the " + r.Shadows + " one"
			}
			text += ")"
		}
		// Names are never cut: people type them.
		hanging(d.stdout(), width, r.Name, wide, printable(text))
	}
}

func (d *door) printJSON(v any) error {
	enc := json.NewEncoder(d.stdout())
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printable keeps control characters of file names and recipes from the
// terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}
