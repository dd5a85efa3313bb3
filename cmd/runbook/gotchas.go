package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"runbook/engine"
)

const (
	// gotchasFile lies beside the recipes of whoever met them. It is data: nothing
	// of it is run, and so it needs no trust beyond that of its place.
	gotchasFile = "gotchas.json"
	// signaturesParam is that of a recipe that knows failures again.
	signaturesParam = "signatures"
	mostGotchas     = 1 << 20 // bytes; thousands of them
)

// gotchaFiles are those of the places of recipes, the nearest first.
func (d *door) gotchaFiles() []string {
	var files []string
	for _, r := range d.roots() {
		if r.Dir == "" || r.Refused != "" {
			continue
		}
		name := filepath.Join(r.Dir, gotchasFile)
		switch info, err := os.Stat(name); {
		case err != nil || !info.Mode().IsRegular():
		case info.Size() > mostGotchas:
			fmt.Fprintf(d.err, "runbook: %s is larger than 1 MiB, and left out\n", printable(shortPath(name)))
		default:
			files = append(files, shortPath(name))
		}
	}
	return files
}

// withGotchas gives a run the gotchas of these places, as if each had been named
// with --signatures: that is how the run says where they come from.
func (d *door) withGotchas(r *request) {
	if !slices.ContainsFunc(r.recipe.Params, func(p engine.Param) bool { return p.Name == signaturesParam && p.Kind == engine.KindList }) {
		return
	}
	for _, file := range d.gotchaFiles() {
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &[]json.RawMessage{})
		}
		if err != nil {
			fmt.Fprintf(d.err, "runbook: %s is left out, it is no JSON list: %v\n", printable(file), err)
			continue
		}
		if !slices.ContainsFunc(r.params[signaturesParam], func(given string) bool { return absolute(given) == absolute(file) }) {
			r.params[signaturesParam] = append(r.params[signaturesParam], file)
		}
	}
}

// gotchas is the page of them.
func (d *door) gotchas() (string, error) {
	var own [][2]string
	for _, name := range d.gotchaFiles() {
		text, err := os.ReadFile(name)
		if err != nil {
			fmt.Fprintf(d.err, "runbook: %v\n", err)
			continue
		}
		own = append(own, [2]string{printable(name), string(text)})
	}
	return newBench([]root{{}}).library.Page(context.Background(), "lib/gotchas.star", own)
}
