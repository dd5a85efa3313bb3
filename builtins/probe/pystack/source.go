package pystack

import (
	"bytes"
	"context"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
)

// Lines are lines of source, by file as the interpreter calls it and by number,
// without the blanks around them. A line that could not be read is not there.
type Lines map[string]map[int]string

const (
	maxSource  = 4 << 20 // bytes of one file; larger ones were generated
	maxColumns = 200     // of one line
	// sourceTime is how long the sources of one process may take: they may lie on
	// a file system that does not answer.
	sourceTime = 500 * time.Millisecond
)

// sourceOf reads the lines at which p stands, out of the files that its process
// sees. What was edited since it was imported shows other text: an interpreter's
// own traceback does the same.
func sourceOf(ctx context.Context, h probe.Host, p *Process) Lines {
	wanted := map[string]map[int]bool{}
	want := func(frames []Frame) {
		for _, f := range frames {
			if f.Line > 0 && f.File != "" && !strings.HasPrefix(f.File, "<") {
				if wanted[f.File] == nil {
					wanted[f.File] = map[int]bool{}
				}
				wanted[f.File][f.Line] = true
			}
		}
	}
	for i := range p.Threads {
		want(p.Threads[i].Frames)
	}
	for i := range p.Tasks {
		want(p.Tasks[i].Chain)
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	read := make(chan Lines, 1)
	go func() {
		lines := Lines{}
		for file, numbers := range wanted {
			if ctx.Err() != nil {
				break
			}
			lines[file] = pick(readSource(ctx, h, p.PID, file), numbers)
		}
		read <- lines
	}()
	select {
	case lines := <-read:
		return lines
	case <-ctx.Done():
		return Lines{}
	}
}

// readSource reads a file as the process sees it. nil: it cannot be read.
func readSource(ctx context.Context, h probe.Host, pid int, name string) []byte {
	memory := probe.MemoryOf(h)
	if memory == nil {
		return nil
	}
	if !path.IsAbs(name) { // to where the process is now; it may have begun elsewhere
		cwd, err := h.Readlink(ctx, strconv.Itoa(pid)+"/cwd")
		if err != nil {
			return nil
		}
		name = path.Join(cwd, name)
	}
	f, err := memory.OpenImage(pid, name, 0, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxSource))
	if err != nil {
		return nil
	}
	return text
}

// pick takes the lines of those numbers out of a text.
func pick(text []byte, numbers map[int]bool) map[int]string {
	out := map[int]string{}
	n := 0
	for line := range bytes.Lines(text) {
		if n++; !numbers[n] {
			continue
		}
		line = bytes.TrimSpace(line)
		if len(line) > maxColumns {
			line = append(bytes.ToValidUTF8(line[:maxColumns], nil), "…"...)
		}
		if out[n] = string(line); len(out) == len(numbers) {
			break
		}
	}
	return out
}
