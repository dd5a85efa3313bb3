package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"runbook/engine/event"
	"runbook/engine/lazyregexp"
)

// KeepRuns is how many runs Prune is meant to leave.
const KeepRuns = 100

// Runs is the directory that holds a directory for each recorded run, named
// <time>-<recipe>-<id>, so that a plain listing is in order of time.
type Runs struct{ Dir string }

// RunEntry is one recorded run, as far as its record tells.
type RunEntry struct {
	Name   string // of its directory
	Dir    string
	Recipe string
	ID     string

	Title    string
	Host     string
	From     string
	Started  time.Time
	Finished time.Time             // zero when it was cut off, or runs still
	Outcome  event.Outcome         // "" likewise
	Counts   map[event.Verdict]int // nil likewise
	Err      error                 // why the record could not be read; the rest is from the name
}

const runTime = "20060102T150405.000Z"

var runName = lazyregexp.New(`^(\d{8}T\d{6}\.\d{3}Z)-(.+)-([A-Za-z0-9_]+)$`)

var notInName = lazyregexp.New(`[^A-Za-z0-9_.]+`)

// Create makes the directory of a run, mode 0700, and returns its path.
// Errors: fs.ErrExist when there is one of that name.
func (r Runs) Create(recipe, id string, at time.Time) (string, error) {
	recipe = strings.Trim(notInName().ReplaceAllString(recipe, "-"), "-.")
	if recipe == "" {
		recipe = "recipe"
	}
	id = strings.ReplaceAll(notInName().ReplaceAllString(id, ""), ".", "")
	if id == "" {
		id = "0"
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return "", fmt.Errorf("runs: %w", err)
	}
	dir := filepath.Join(r.Dir, at.UTC().Format(runTime)+"-"+recipe+"-"+id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("runs: %w", err)
	}
	return dir, nil
}

// names returns the directories of runs, newest first. A link or a stray
// file is not one, whatever its name.
func (r Runs) names() ([]string, error) {
	entries, err := os.ReadDir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nobody has run anything yet
	}
	if err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && runName().MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Reverse(names) // ReadDir sorts
	return names, nil
}

// List returns all runs, newest first. A record that cannot be read is in the
// list, with its error.
func (r Runs) List() ([]RunEntry, error) {
	names, err := r.names()
	if err != nil {
		return nil, err
	}
	out := make([]RunEntry, len(names))
	for i, name := range names {
		out[i] = r.entry(name)
	}
	return out, nil
}

// Find returns one run: "last", or the beginning of its id or of its name.
// Errors: fs.ErrNotExist; an ambiguous beginning is an error that names the
// candidates.
func (r Runs) Find(what string) (RunEntry, error) {
	names, err := r.names()
	if err != nil {
		return RunEntry{}, err
	}
	if what == "last" && len(names) > 0 {
		return r.entry(names[0]), nil
	}
	var found []string
	for _, name := range names {
		id := runName().FindStringSubmatch(name)[3]
		if id == what || name == what {
			return r.entry(name), nil
		}
		if what != "" && (strings.HasPrefix(id, what) || strings.HasPrefix(name, what)) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return RunEntry{}, fmt.Errorf("runs: no run %q in %s: %w", what, r.Dir, fs.ErrNotExist)
	case 1:
		return r.entry(found[0]), nil
	default:
		return RunEntry{}, fmt.Errorf("runs: %q may be any of %s", what, strings.Join(found[:min(len(found), 5)], ", "))
	}
}

// Prune removes all but the newest keep runs, and nothing that is not a run.
func (r Runs) Prune(keep int) error {
	names, err := r.names()
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names[min(max(0, keep), len(names)):] {
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(r.Dir, name)))
	}
	return failed
}

// entry reads the first event of a record and the last, not what lies
// between: a listing of a hundred runs should not read a gigabyte.
func (r Runs) entry(name string) RunEntry {
	part := runName().FindStringSubmatch(name)
	e := RunEntry{Name: name, Dir: filepath.Join(r.Dir, name), Recipe: part[2], ID: part[3]}
	e.Started, _ = time.Parse(runTime, part[1])
	f, err := OpenRecord(filepath.Join(e.Dir, EventsFile))
	if err != nil {
		e.Err = err
		return e
	}
	defer f.Close()

	stop := errors.New("first event read")
	_, err = ReadRecord(f, func(ev event.Event) error {
		if s := ev.RunStarted; s != nil {
			e.Title, e.Host, e.From = s.Title, s.Host, s.From
			e.Recipe, e.ID = s.Recipe, s.ID
			if !s.Started.IsZero() {
				e.Started = s.Started
			}
		}
		return stop
	})
	if err != nil && err != stop {
		e.Err = err
		return e
	}
	if end, err := lastEvent(f); err != nil {
		e.Err = err
	} else if end != nil {
		e.Finished, e.Outcome, e.Counts = end.Finished, end.Outcome, end.Counts
	}
	return e
}

// lastEvent returns the end of a run from the tail of its record; nil when
// the run has none.
func lastEvent(f *os.File) (*event.RunFinished, error) {
	const tail = 64 << 10 // a RunFinished has some hundred bytes
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-tail)
	b := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
		return nil, err
	}
	b = bytes.TrimRight(b, "\n")
	e, err := parseEvent(b[bytes.LastIndexByte(b, '\n')+1:])
	if err != nil {
		return nil, nil // a cut line is no end
	}
	return e.RunFinished, nil
}
