package main

import (
	_ "embed"

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
