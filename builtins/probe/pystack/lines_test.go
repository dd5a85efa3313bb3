package pystack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLinesAreThoseThatEachPythonSays compares the line of each instruction of a
// toy with what the interpreter that compiled it said.
func TestLinesAreThoseThatEachPythonSays(t *testing.T) {
	files, _ := filepath.Glob("testdata/lines/3.*.json")
	if len(files) != len(tables) {
		t.Fatalf("%d files for %d versions", len(files), len(tables))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		minor, err := strconv.Atoi(strings.TrimPrefix(name, "3."))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var codes []struct {
			Table []byte
			First int
			Lines []int
		}
		if err := json.Unmarshal(text, &codes); err != nil {
			t.Fatal(file, err)
		}
		wrong, all := 0, 0
		for _, c := range codes {
			for i, want := range c.Lines {
				all++
				if got := lineAt(minor, c.Table, c.First, 2*i); got != want {
					if wrong++; wrong <= 3 {
						t.Errorf("%s: instruction %d of the code at line %d: %d, want %d", name, i, c.First, got, want)
					}
				}
			}
		}
		if wrong > 0 || all < 500 {
			t.Errorf("%s: %d of %d instructions wrong", name, wrong, all)
		}
	}
}

// FuzzLines: whatever the table, it ends, and panics nowhere.
func FuzzLines(f *testing.F) {
	f.Add(8, []byte{2, 1, 255, 0, 4, 0xff}, 1, 6)
	f.Add(10, []byte{2, 0x80, 4, 1}, 10, 2)
	f.Add(11, []byte{0xf0, 3, 1, 1, 1, 0xe8, 0x80, 0x7f, 0xd0}, 1, 4)
	f.Fuzz(func(t *testing.T, minor int, table []byte, first, at int) {
		lineAt(minor, table, first, at)
	})
}

func TestParseMaps(t *testing.T) {
	got := parseMaps([]byte(`00400000-00621000 r--p 00000000 fe:00 1234   /usr/bin/python3.11
00621000-00622000 r-xp 00221000 fe:00 1234   /usr/bin/python3.11
7f0000000000-7f0000001000 r--p 00000000 fe:00 99 /tmp/a b\012c (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0  [stack]
7fff00000000-7fff00001000 rw-p 00000000 00:00 0
nonsense
00500000-00400000 r--p 0 0 0
`))
	want := []mapping{
		{0x400000, 0x621000, 0, "/usr/bin/python3.11"},
		{0x621000, 0x622000, 0x221000, "/usr/bin/python3.11"},
		{0x7f0000000000, 0x7f0000001000, 0, "/tmp/a b\nc (deleted)"},
		{0x7ffd00000000, 0x7ffd00021000, 0, "[stack]"},
		{0x7fff00000000, 0x7fff00001000, 0, ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
