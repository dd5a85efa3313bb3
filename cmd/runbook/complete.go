package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runbook/builtins/probe"
	"runbook/engine"
	"runbook/engine/sink"
)

// completeRun completes the command line of run. Flag parsing is ours there,
// so the flags are ours to offer too.
func (d *door) completeRun(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	r := &runFlags{}
	ours := r.set(&d.conf)
	flags := []*pflag.FlagSet{ours}
	name := firstWord(ours, args)
	var recipe *engine.Recipe
	if name != "" {
		roots, _ := recipeRoots(".")
		if k, _, err := open(roots, name); err == nil {
			defer k.close()
			if recipe, err = k.load(name); err == nil {
				flags = append([]*pflag.FlagSet{paramFlags(recipe.Params, map[string][]string{})}, flags...)
			}
		}
	}
	if flag, ok := openFlag(flags, args, word); ok {
		return d.completeValue(recipe, flag)
	}
	if strings.HasPrefix(word, "-") {
		var out []string
		for _, f := range flags {
			f.VisitAll(func(x *pflag.Flag) {
				if !x.Hidden {
					_, text := pflag.UnquoteUsage(x)
					out = append(out, "--"+x.Name+"\t"+text)
				}
			})
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	if name == "" {
		return d.recipeNames(), cobra.ShellCompDirectiveDefault // or a file
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// firstWord is the recipe's name among args: the first that is neither a flag
// nor the value of one.
func firstWord(ours *pflag.FlagSet, args []string) string {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") || a == "-" {
			return a
		}
		f := ours.Lookup(strings.TrimLeft(a, "-"))
		if f != nil && f.NoOptDefVal == "" && !strings.Contains(a, "=") {
			i++
		}
	}
	return ""
}

// openFlag is the flag whose value is being typed: `--pid 24<tab>` or
// `--pid=24<tab>`.
func openFlag(sets []*pflag.FlagSet, args []string, word string) (name string, ok bool) {
	lookup := func(text string) *pflag.Flag {
		for _, s := range sets {
			if f := s.Lookup(strings.TrimPrefix(text, "--")); f != nil && strings.HasPrefix(text, "--") {
				return f
			}
		}
		return nil
	}
	if before, _, eq := strings.Cut(word, "="); eq {
		if f := lookup(before); f != nil {
			return f.Name, true
		}
	}
	if len(args) > 0 {
		if f := lookup(args[len(args)-1]); f != nil && f.NoOptDefVal == "" {
			return f.Name, true
		}
	}
	return "", false
}

// completeValue offers values of a flag; without "--flag=", which the scripts of
// the shells put back themselves.
func (d *door) completeValue(recipe *engine.Recipe, flag string) ([]string, cobra.ShellCompDirective) {
	const no = cobra.ShellCompDirectiveNoFileComp
	switch flag {
	case "allow":
		return []string{"run", "write", "kill"}, no
	case "color":
		return []string{"auto", "always", "never"}, no
	case "fail-on":
		return []string{"fault", "warn"}, no
	case "from":
		return nil, cobra.ShellCompDirectiveDefault
	case "record", "proc":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case "match":
		return actorNames(), no
	}
	if recipe == nil {
		return nil, no
	}
	if flag == "step" {
		var names []string
		for _, s := range recipe.Steps {
			names = append(names, s.Name+"\t"+s.Title)
		}
		return names, no
	}
	for _, p := range recipe.Params {
		if p.Flag() != flag {
			continue
		}
		switch p.Kind {
		case engine.KindPids:
			return actorPids(), no
		case engine.KindChoice:
			return slices.Clone(p.Choices), no
		case engine.KindPath:
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return nil, no
}

// recipeNames reads directories and no files: a shell completes while the
// user's hand is in the air.
func (d *door) recipeNames() []string {
	roots, _ := recipeRoots(".")
	places, _ := newBench(roots).library.Places()
	var out []string
	for _, p := range places {
		out = append(out, p.Name+"\t"+p.Origin())
	}
	return out
}

func (d *door) completeDocs(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := d.recipeNames()
	for _, t := range topics() {
		names = append(names, t.name+"\t"+t.says)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (d *door) completePids(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return actorPids(), cobra.ShellCompDirectiveNoFileComp
}

func (d *door) completeRuns(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	dir, err := runsDir()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	runs, _ := (sink.Runs{Dir: dir}).List()
	out := []string{"last\tthe newest"}
	for _, r := range runs {
		out = append(out, fmt.Sprintf("%s\t%s %s %s", r.ID, r.Started.Local().Format("02 Jan 15:04"), r.Recipe, r.Outcome))
	}
	return out, cobra.ShellCompDirectiveDefault // or a directory
}

// actors are the processes that say they are one.
func actors() []probe.Process {
	host, err := openHost(hostOptions{})
	if err != nil {
		return nil
	}
	list, _ := probe.PS(context.Background(), host, probe.PSQuery{})
	return list
}

func actorPids() []string {
	var out []string
	for _, p := range actors() {
		out = append(out, fmt.Sprintf("%d\t%s", p.PID, p.Actor.Name))
	}
	return out
}

func actorNames() []string {
	var out []string
	for _, p := range actors() {
		if n := p.Actor.Name; n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
