package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every page of the manual is one that a strict reader of manuals has nothing to
// say about, but that a build outside of a repository has no date.
func TestTheManualIsWellFormed(t *testing.T) {
	t.Parallel()
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("no mandoc here")
	}
	var said bytes.Buffer
	d := &door{in: os.Stdin, out: os.Stdout, err: &said}
	files, err := d.manual()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"-Tlint"}
	for name, text := range files {
		file := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	out, _ := exec.Command(mandoc, args...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
