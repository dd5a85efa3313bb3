package recipetest_test

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"runbook/builtins/probe/probetest"
)

// save writes a world as a capture.
func save(t *testing.T, path, world string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := probetest.World(t, world).Save(f); err != nil {
		t.Fatal(err)
	}
}

// unpack is all that a capture holds, as text.
func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
