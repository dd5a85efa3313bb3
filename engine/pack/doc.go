// Package pack pins recipes of other repositories.
//
// A pack is a repository of recipes: NAME.star and lib/NAME.star, as in
// .runbook/, and a pack.toml that says its name and for which version of the
// recipe language it was written. Who uses one pins it in packs.lock, by the
// hash of its content:
//
//	.runbook/packs.lock        name, URL, commit, hash     committed
//	.runbook/vendor/NAME/…     the files, for no network   committed, if wanted
//	~/.cache/runbook/packs/…   the files, by their hash    of this machine
//
// What does not have the hash that is pinned is not read, wherever it lies.
// This package knows texts and file trees; who runs git is package main.
package pack
