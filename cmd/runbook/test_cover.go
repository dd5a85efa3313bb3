package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"runbook/engine"
)

// countLines is how many lines of a file have a statement, how many of them ran,
// and which did not.
func countLines(f engine.FileCover) (of, ran int, missing []int) {
	for line, n := range f.Lines {
		of++
		if n > 0 {
			ran++
		} else {
			missing = append(missing, line)
		}
	}
	slices.Sort(missing)
	return of, ran, missing
}

func percent(part, of int) string {
	if of == 0 {
		return "   –"
	}
	return fmt.Sprintf("%3d%%", part*100/of)
}

// ranges writes lines as a person names them: 3, 7-9.
func ranges(lines []int) string {
	var parts []string
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(lines[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", lines[i], lines[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// writeLCOV writes the format of lcov(1), geninfo(1), which editors and CI
// systems read.
func writeLCOV(path string, files []engine.FileCover) error {
	var b bytes.Buffer
	b.WriteString("TN:runbook\n")
	for _, f := range files {
		of, ran, _ := countLines(f)
		fmt.Fprintf(&b, "SF:%s\n", f.File)
		for _, line := range slices.Sorted(maps.Keys(f.Lines)) {
			fmt.Fprintf(&b, "DA:%d,%d\n", line, f.Lines[line])
		}
		fmt.Fprintf(&b, "LF:%d\nLH:%d\nend_of_record\n", of, ran)
	}
	_, err := writeNew(path, nil, func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
	if err != nil {
		return fmt.Errorf("--cover: %w", err)
	}
	return nil
}
