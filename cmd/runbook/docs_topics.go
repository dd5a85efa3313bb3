package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"runbook/builtins"
	"runbook/builtins/recipetest"
)

//go:embed tutorial.md
var tutorial string // each of its commands is run by a test

// topic is a page of the docs beside those of the recipes.
type topic struct {
	name  string
	title string
	says  string // in a few words
	text  func(d *door) (string, error)
}

// topics lists them in the order in which they are read.
func topics() []topic {
	return []topic{
		{"tutorial", "Tutorial", "from an incident to a recipe that the team shares, in a quarter of an hour", func(*door) (string, error) { return tutorial, nil }},
		{"testing", "Testing a recipe", "how to test one", func(*door) (string, error) { return recipetest.Guide, nil }},
		{"builtins", "Builtins", "what a recipe can call", func(*door) (string, error) {
			return builtins.Reference(builtins.Table(builtins.Options{})), nil
		}},
		{"gotchas", "Gotchas", "what was met before, and what it meant", (*door).gotchas},
		{"commands", "Commands", "every verb and flag of runbook", func(d *door) (string, error) { return commandsDoc(d.root()), nil }},
	}
}

func topicNames() []string {
	var names []string
	for _, t := range topics() {
		names = append(names, t.name)
	}
	return names
}

// gotchasFile lies beside the recipes of whoever met them.
const gotchasFile = "gotchas.json"

func (d *door) gotchas() (string, error) {
	const most = 1 << 20 // bytes; thousands of them
	var own [][2]string
	for _, r := range d.roots() {
		if r.Dir == "" || r.Refused != "" {
			continue
		}
		name := filepath.Join(r.Dir, gotchasFile)
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(name)
		switch {
		case err != nil:
			fmt.Fprintf(d.err, "runbook: %v\n", err)
		case len(text) > most:
			fmt.Fprintf(d.err, "runbook: %s is larger than 1 MiB, and left out\n", printable(shortPath(name)))
		default:
			own = append(own, [2]string{printable(shortPath(name)), string(text)})
		}
	}
	return newBench([]root{{}}).library.Page(context.Background(), "lib/gotchas.star", own)
}
