package recipetest

import _ "embed"

// Guide is how to test a recipe, as markdown. Its examples are tests.
//
//go:embed testing.md
var Guide string
