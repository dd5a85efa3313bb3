package pystack

import (
	"errors"
	"fmt"
	"slices"
)

// walk is one reading of a process, still as objects.
type walk struct {
	python  *python
	threads []*thread
	tasks   []*task
	notes   []string
}

// walkThrough reads all interpreters of a process. Where nothing tells its
// version, that is one before 3.11, and the self-check finds out which.
// Errors: ErrUnsupported, ErrNotPython, ErrLayout, a read after which no other
// would succeed.
func walkThrough(m *memory, at place, kernel kernelThreads) (w *walk, err error) {
	err = at.inEachVersion(func(at place) error {
		w, err = walkAs(m, at, kernel)
		return err
	})
	return w, err
}

// inEachVersion calls f with the version of a place, or with those that it may be.
func (p place) inEachVersion(f func(place) error) error {
	if p.Version != 0 {
		return f(p)
	}
	for _, p.Version = range []uint32{0x30a, 0x309, 0x308} {
		if err := f(p); !errors.Is(err, ErrLayout) {
			return err
		}
	}
	return fmt.Errorf("CPython of a version that nothing tells: %w", ErrLayout)
}

func walkAs(m *memory, at place, kernel kernelThreads) (*walk, error) {
	p, list, err := enter(m, at)
	if err != nil {
		return nil, err
	}
	w := &walk{python: p}
	err = guard(func() {
		of := map[uint64][]*thread{}
		for i, interp := range list {
			threads, notes := p.threads(interp, i > 0)
			of[interp] = threads
			w.threads = append(w.threads, threads...)
			w.notes = append(w.notes, notes...)
		}
		identify(w.threads, kernel, p.minor)
		var roots []*task
		for _, interp := range list {
			threads := of[interp]
			loops, note := p.runners(interp, threads)
			if note != "" {
				w.notes = append(w.notes, note)
			}
			for _, r := range loops {
				root, notes, err := p.trioTasks(r)
				w.notes = append(w.notes, notes...)
				if err != nil {
					w.notes = append(w.notes, "trio: a loop's tasks could not be read: "+err.Error())
				}
				if root != nil {
					roots = append(roots, root)
				}
			}
			tasks, notes := p.asyncioTasks(interp, threads)
			roots = append(roots, tasks...)
			w.notes = append(w.notes, notes...)
		}
		w.tasks = flatten(roots)
	})
	if err != nil {
		return nil, p.misread(err)
	}
	return w, nil
}

// enter finds the interpreters of a process, the main one first, and that they are
// laid out as the version says.
func enter(m *memory, at place) (p *python, interpreters []uint64, err error) {
	if p, err = newPython(m, at); err != nil {
		return nil, nil, err
	}
	var checked error
	err = guard(func() {
		interpreters = p.interpreters()
		if len(interpreters) == 0 {
			fail(at.Runtime, "it has no interpreter (yet, or any more): %w", ErrNotPython)
		}
		slices.Reverse(interpreters) // the newest is the first of them
		checked = p.checkLayout(interpreters[0])
	})
	if err != nil {
		return nil, nil, p.misread(err)
	}
	return p, interpreters, checked
}

// misread is the error of a walk that failed: where reading others may succeed,
// what was read makes no sense.
func (p *python) misread(err error) error {
	if final(err) || errors.Is(err, ErrNotPython) {
		return err
	}
	return fmt.Errorf("CPython %v: %w: %w", p.at, ErrLayout, err)
}

// tell is the walk as facts. moved is what python.moved gave; nil: nothing.
func (w *walk) tell(pid int, proof Proof, moved []bool, locals bool) *Process {
	any := func(from, to int) bool {
		for i := from; i < to && i < len(moved); i++ {
			if moved[i] {
				return true
			}
		}
		return false
	}
	out := &Process{PID: pid, Python: w.python.at.String(), Proof: proof, Threads: []Thread{}, Tasks: []Task{}, Notes: w.notes}
	for _, t := range w.threads {
		for _, f := range t.frames {
			t.Frames = append(t.Frames, w.python.show(f, locals))
		}
		t.Moved = any(t.from, t.to)
		out.Threads = append(out.Threads, t.Thread)
	}
	for _, t := range w.tasks {
		t.Chain = w.python.framesOf(t.chain, locals)
		t.Cut = t.cut()
		t.Moved = any(t.from, t.to)
		out.Tasks = append(out.Tasks, t.Task)
	}
	return out
}
