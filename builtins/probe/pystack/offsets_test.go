package pystack

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var updateOffsets = flag.Bool("update-offsets", false, "write offsets_gen.go anew from gen/rows")

func TestOffsetsTableIsWhatTheHeadersSaid(t *testing.T) {
	want := offsetsTable(t)
	if *updateOffsets {
		if err := os.WriteFile("offsets_gen.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("offsets_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("offsets_gen.go is not made of gen/rows: go test ./builtins/probe/pystack -run OffsetsTable -update-offsets")
	}
}

// offsetsTable makes the source of offsets_gen.go.
func offsetsTable(t *testing.T) []byte {
	var names []string // of all fields, in the order in which they turn up
	var rows strings.Builder
	for minor := 8; minor <= 15; minor++ {
		text, err := os.ReadFile(filepath.Join("gen", "rows", fmt.Sprintf("3.%d.txt", minor)))
		if err != nil {
			t.Fatal(err)
		}
		var row []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "#") {
				fmt.Fprintf(&rows, "// %s", strings.TrimPrefix(line, "# "))
				continue
			}
			name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if _, err := strconv.ParseUint(value, 10, 32); !ok || err != nil {
				t.Fatalf("3.%d.txt: %q", minor, line)
			}
			row = append(row, name+": "+value)
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		fmt.Fprintf(&rows, "%#x: {%s},\n", 0x300+minor, strings.Join(row, ", "))
	}
	var told strings.Builder
	for _, name := range names {
		if field, ok := strings.CutPrefix(name, "Dbg"); ok && field != "Size" {
			fmt.Fprintf(&told, "{func(o *offsets) uint64 { return o.%s }, func(o *offsets) *uint64 { return &o.%s }},\n", name, field)
		}
	}
	src, err := format.Source(fmt.Appendf(nil, `// Code generated from gen/rows by go test -run OffsetsTable -update-offsets; DO NOT EDIT.

package pystack

// offsets of one minor version, in bytes, on LP64. Rt is _PyRuntimeState, In
// PyInterpreterState, Ts PyThreadState, Cf _PyCFrame, Fr the frame, Co
// PyCodeObject, Gen PyGenObject, Tp PyTypeObject, Ht PyHeapTypeObject, Uni
// PyUnicodeObject; St the states of a frame; Dbg the same in _Py_DebugOffsets.
// 0: this version has none.
type offsets struct {
%s uint64
}

// tables has a row for each PY_VERSION_HEX>>16, of the headers of that version.
var tables = map[uint32]*offsets{
%s}

// told lists what _Py_DebugOffsets tells: where, and what for.
var told = []struct {
	at  func(*offsets) uint64
	put func(*offsets) *uint64
}{
%s}
`, strings.Join(names, " uint64\n"), rows.String(), told.String()))
	if err != nil {
		t.Fatal(err)
	}
	return src
}
