package pystack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
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
// sees, with the rights of that and no others: it is the process that names them.
//
// What is not known to be what the process runs is left out, and notes say so. A
// file that was changed after the process had started may show other lines; so
// may a relative name once the process has gone to another directory.
func sourceOf(ctx context.Context, h probe.Host, p *Process) (lines Lines, notes []string) {
	wanted := placesOf(p)
	memory := probe.MemoryOf(h)
	if memory == nil || len(wanted) == 0 {
		return Lines{}, nil
	}
	started := time.Time{}
	if x, err := probe.ReadProcess(ctx, h, p.PID); err == nil {
		started = x.Started
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTime)
	defer cancel()
	type answer struct {
		file  string
		lines map[int]string
		err   error
	}
	answers := make(chan answer, len(wanted)+1) // nobody may be there to take them
	go func() {
		defer close(answers)
		err := memory.AsProcess(p.through, func(open probe.SourceOpener) {
			for _, file := range slices.Sorted(maps.Keys(wanted)) {
				if ctx.Err() != nil {
					return
				}
				text, err := readSource(ctx, h, p.through, open, file, started)
				if err == nil {
					err = wanted[file].check(text)
				}
				if err != nil {
					answers <- answer{file: file, err: err}
					continue
				}
				answers <- answer{file: file, lines: pick(text, wanted[file].lines)}
			}
		})
		if err != nil {
			answers <- answer{err: err}
		}
	}()
	lines = Lines{}
	why := map[string][]string{} // files by why they are not shown
	for ctx.Err() == nil {
		var a answer
		ok := true
		select {
		case a, ok = <-answers:
		case <-ctx.Done():
		}
		switch {
		case !ok:
			return lines, unshown(why)
		case a.err != nil && a.file == "":
			return lines, []string{"no line of source is shown: " + a.err.Error()}
		case a.err != nil:
			why[reason(a.err)] = append(why[reason(a.err)], a.file)
		case a.file != "":
			lines[a.file] = a.lines
		}
	}
	return lines, append(unshown(why), fmt.Sprintf("not all lines of source are shown: to read them took more than %v", sourceTime))
}

// unshown is a note for each reason not to show the lines of some files.
func unshown(why map[string][]string) (notes []string) {
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		files := why[reason]
		note := "no line of " + files[0] + " is shown: " + reason
		if n := len(files) - 1; n > 0 {
			note += fmt.Sprintf(" (so of %d more)", n)
		}
		notes = append(notes, note)
	}
	return notes
}

// reason is an error without the name of the file.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// places are the lines of a file that are wanted, and at which functions begin.
type places struct {
	lines  map[int]bool
	begins map[int]string // bare name of the function; "" none, or more than one
}

// placesOf lists where the threads and tasks of p stand, by file.
func placesOf(p *Process) map[string]places {
	wanted := map[string]places{}
	want := func(frames []Frame) {
		for _, f := range frames {
			if f.Line <= 0 || f.File == "" || strings.HasPrefix(f.File, "<") {
				continue
			}
			if wanted[f.File].lines == nil {
				wanted[f.File] = places{map[int]bool{}, map[int]string{}}
			}
			at := wanted[f.File]
			at.lines[f.Line] = true
			name := f.Func[strings.LastIndexByte(f.Func, '.')+1:]
			if before, ok := at.begins[f.first]; strings.HasPrefix(name, "<") || ok && before != name {
				name = ""
			}
			at.begins[f.first] = name
		}
	}
	for i := range p.Threads {
		want(p.Threads[i].Frames)
	}
	for i := range p.Tasks {
		want(p.Tasks[i].Chain)
	}
	return wanted
}

// check looks whether functions begin in a text where they do by their code: with
// their name, or with a decorator. Errors: they do not, it is another text.
func (w places) check(text []byte) error {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		name := w.begins[n]
		if name != "" && !bytes.HasPrefix(bytes.TrimSpace(line), []byte("@")) && !bytes.Contains(line, []byte(name)) {
			return fmt.Errorf("it is not what the process runs, whose %s begins at line %d", name, n)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(w.begins)) {
		if name := w.begins[at]; at > n && name != "" {
			return fmt.Errorf("it is not what the process runs, whose %s begins at line %d", name, at)
		}
	}
	return nil
}

// startSlack is for clocks that tick coarsely: a program may be started as soon
// as it is written.
const startSlack = time.Second

// readSource reads a file as the process sees it, which started at that time.
func readSource(ctx context.Context, h probe.Host, pid int, open probe.SourceOpener, name string, started time.Time) ([]byte, error) {
	if !path.IsAbs(name) {
		cwd, err := stayedIn(ctx, h, pid)
		if err != nil {
			return nil, err
		}
		name = path.Join(cwd, name)
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if changed := st.ModTime().Sub(started); changed > startSlack {
		return nil, errors.New("it was changed after the process had started")
	}
	// What proc and its like make up has no size. It says of us what it should
	// say of the process, and may never end.
	return io.ReadAll(io.NewSectionReader(f, 0, min(st.Size(), maxSource)))
}

// stayedIn is the directory in which a process is, where it is the one in which
// it was started by a shell. Errors: it is not known to be.
func stayedIn(ctx context.Context, h probe.Host, pid int) (string, error) {
	cwd, err := h.Readlink(ctx, strconv.Itoa(pid)+"/cwd")
	if err != nil {
		return "", err
	}
	environ, err := h.ReadFile(ctx, strconv.Itoa(pid)+"/environ", nil)
	if err != nil {
		return "", err
	}
	for word := range bytes.SplitSeq(environ, []byte{0}) {
		if string(word) == "PWD="+cwd {
			return cwd, nil
		}
	}
	return "", errors.New("its name is relative, and the process may have changed its directory since")
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
