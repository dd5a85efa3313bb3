package pystack

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"runbook/builtins/probe"
)

// loopsFile is the file of a process that says which libraries of tasks its
// interpreter has: what can be asked of every process, for it costs a fraction of a
// reading.
const loopsFile = "python.loops"

// libraries are the modules without which a library has no tasks, by its name.
var libraries = []struct{ name, module string }{{"trio", "trio._core._run"}, {"asyncio", "asyncio.tasks"}}

// Loops lists the libraries of tasks that the interpreter of a live process has
// imported: "trio", "asyncio"; empty: it has neither, and no task.
//
// Errors are those of Read.
func Loops(ctx context.Context, h probe.Host, pid int) ([]string, error) {
	memory := probe.MemoryOf(h)
	if memory == nil || !h.Clock().Live {
		return nil, fmt.Errorf("read Python's memory of %d: %w", pid, probe.ErrUnsupported)
	}
	l := &look{host: h, memory: memory, pid: pid, thread: pid}
	return inTime(ctx, l, defaultDeadline, func(ctx context.Context) ([]string, error) {
		if at, hash, ok := l.knownProgram(); ok {
			m := l.fresh()
			defer m.release()
			p, err := newPython(m, at)
			if err != nil {
				return nil, err
			}
			p.hash = hash
			return p.loops()
		}
		if err := l.choose(ctx); err != nil {
			return nil, err
		}
		at, err := l.locate(ctx)
		if err != nil {
			return nil, err
		}
		var found []string
		err = at.inEachVersion(func(at place) error {
			p, _, err := enter(l.fresh(), at)
			if err == nil {
				l.rememberProgram(p)
				found, err = p.loops()
			}
			return err
		})
		return found, err
	})
}

// loops lists the libraries of tasks that any of the interpreters has.
func (p *python) loops() (found []string, err error) {
	found = []string{}
	err = guard(func() {
		if p.hash != nil {
			p.hash.k0, p.hash.k1 = p.u64(p.at.Secret), p.u64(p.at.Secret+8)
		}
		interpreters := p.interpreters()
		for _, x := range libraries {
			for _, i := range interpreters {
				if p.module(i, x.module) != 0 {
					found = append(found, x.name)
					break
				}
			}
		}
	})
	return found, err
}

// mayHaveTasks reports whether the interpreter of a process has imported a library
// of tasks; also true where a reading alone says that, or why nothing can be read.
func mayHaveTasks(ctx context.Context, h probe.Host, pid int) bool {
	b, err := h.ReadFile(ctx, strconv.Itoa(pid)+"/"+loopsFile, nil)
	var list []string
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil || len(list) > 0 {
		return true
	}
	probe.Cover(ctx, "pystack", pid, nil, "")
	return false
}
