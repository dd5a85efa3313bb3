package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runbook/engine"
)

func (d *door) trustVerb() *cobra.Command {
	var forget, list, asJSON bool
	cmd := &cobra.Command{
		Use:   "trust [RECIPE …]",
		Short: "Let recipes of a repository run programs, as they are now",
		Long: `A recipe that lies in a repository, or came with a pack, runs no program until it is
granted: each time with --allow run, or once by trusting it. What is trusted is its
content, and that of all it loads: a change asks again. Writing and killing must be
granted in any case. Read it first: runbook docs RECIPE, and the file itself.`,
		Example: "  runbook trust feed-stalled\n  runbook trust --list\n  runbook trust --forget feed-stalled",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case list && (forget || len(args) > 0):
				return usage("trust: --list takes nothing beside it", "runbook trust --list")
			case !list && len(args) == 0:
				return usage("trust: which recipe?", "see: runbook list")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			known, err := readTrusted()
			switch {
			case err != nil:
				return err
			case list && asJSON:
				return d.printJSON(slices.Concat([]trust{}, known.Recipes))
			case list:
				d.printTrusted(known)
				return nil
			}
			roots := d.roots()
			for _, name := range args {
				if forget {
					err = d.forget(known, roots, name)
				} else {
					err = d.trust(known, roots, name)
				}
				if err != nil {
					return err
				}
			}
			return known.write()
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return d.recipeNames(), cobra.ShellCompDirectiveDefault
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "what is trusted")
	cmd.Flags().BoolVar(&forget, "forget", false, "trust these no longer")
	cmd.Flags().BoolVar(&asJSON, "json", false, "with --list: one JSON array")
	return cmd
}

func (d *door) trust(known *trusted, roots []root, name string) error {
	k, place, err := open(roots, name)
	if err != nil {
		return err
	}
	defer k.close()
	r, err := k.load(name)
	if err != nil {
		return err
	}
	if r.Trusted {
		fmt.Fprintf(d.stdout(), "%s (%s) needs no trust: it is yours, or ships with runbook\n", r.Name, printable(r.Origin))
		return nil
	}
	file := fileOf(place)
	before, was := known.before(file)
	known.add(trust{Content: r.Content, File: file, At: time.Now().UTC().Truncate(time.Second)})
	word := "trusted"
	switch {
	case was && before.Content == r.Content:
		word = "trusted already"
	case was:
		word = "trusted anew: it changed since " + before.At.Local().Format("2006-01-02")
	}
	fmt.Fprintf(d.stdout(), "%s (%s) is %s: %s\n", r.Name, printable(r.Origin), word, r.Content)
	fmt.Fprintf(d.stdout(), "  %s\n", effectsOf(r))
	return nil
}

// effectsOf says what a recipe asks for, and what trust gives it of that.
func effectsOf(r *engine.Recipe) string {
	var asks []string
	for _, s := range r.Steps {
		for _, n := range s.Needs {
			if !slices.Contains(asks, string(n)) {
				asks = append(asks, string(n))
			}
		}
	}
	switch rest := slices.DeleteFunc(slices.Clone(asks), func(n string) bool { return n == string(engine.Run) }); {
	case len(asks) == 0:
		return "it only looks"
	case len(rest) == 0:
		return "it may run programs"
	case len(rest) == len(asks):
		return "it may nothing more than before: --allow " + strings.Join(rest, ",") + " must be given each time"
	default:
		return "it may run programs; --allow " + strings.Join(rest, ",") + " must be given each time"
	}
}

func (d *door) forget(known *trusted, roots []root, name string) error {
	place, err := newBench(roots).library.Locate(name)
	file := fileOf(place)
	if err != nil {
		file = absolute(name) // the file may be gone
	}
	if !known.drop(file) {
		return usage(fmt.Sprintf("trust: %s was not trusted", name), "see: runbook trust --list")
	}
	fmt.Fprintf(d.stdout(), "%s is no longer trusted\n", printable(name))
	return nil
}

func (d *door) printTrusted(known *trusted) {
	if len(known.Recipes) == 0 {
		fmt.Fprintln(d.err, "runbook: no recipe of a repository is trusted")
	}
	for _, t := range known.Recipes {
		fmt.Fprintf(d.stdout(), "%s  %s  %s\n", t.At.Local().Format("2006-01-02"), t.Content, printable(shortHome(t.File)))
	}
}

// fileOf is the recipe's file on disk, wherever we stand; "" for one that
// ships. A link to a recipe stays one: it is a recipe of another name.
func fileOf(p engine.Place) string {
	if p.Root == nil || p.Root.Dir == "" {
		return ""
	}
	file := absolute(filepath.Join(p.Root.Dir, filepath.FromSlash(p.Path)))
	if real, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		return filepath.Join(real, filepath.Base(file))
	}
	return file
}

// trusts adds `run` to what is granted when the user trusts the recipe as it
// is, and it asks for that. Of one that changed since it says so: what was
// granted silently yesterday would be refused without a reason today.
func (d *door) trusts(r *engine.Recipe, lies engine.Place, allow []engine.Effect) []engine.Effect {
	if r.Trusted || slices.Contains(allow, engine.Run) || !asksFor(r, engine.Run) {
		return allow
	}
	known, err := readTrusted()
	if err != nil {
		fmt.Fprintf(d.err, "runbook: %v\n", err)
		return allow
	}
	if known.has(r.Content) {
		return append(slices.Clone(allow), engine.Run)
	}
	if t, was := known.before(fileOf(lies)); was {
		fmt.Fprintf(d.err, "runbook: %s changed since it was trusted on %s, and is asked for again\nhint: runbook trust %s\n",
			r.Name, t.At.Local().Format("2006-01-02"), r.Name)
	}
	return allow
}

func asksFor(r *engine.Recipe, effect engine.Effect) bool {
	return slices.ContainsFunc(r.Steps, func(s engine.Step) bool { return slices.Contains(s.Needs, effect) })
}
