package pystack

import (
	"fmt"
	"strings"
)

// asyncioTasks reads the tasks of an interpreter that are not over. notes say
// what could not be read.
func (p *python) asyncioTasks(interp uint64, threads []*thread) (roots []*task, notes []string) {
	if p.module(interp, "asyncio.tasks") == 0 {
		return nil, nil
	}
	loops := p.asyncioLoops(threads)
	objects, err := p.asyncioObjects(interp)
	if err != nil {
		notes = append(notes, "asyncio: not all of its lists of tasks could be read: "+err.Error())
	}
	known := map[uint64]*task{}
	waiters := map[uint64]uint64{}
	var list []*task
	for _, obj := range objects {
		if known[obj] != nil {
			continue
		}
		t := &task{obj: obj, from: len(p.watched)}
		t.Library, t.Schedules, t.Ran = "asyncio", -1, -1
		over := false
		if err := try(func() { over = p.asyncioTask(t, loops, waiters) }); err != nil {
			notes = append(notes, fmt.Sprintf("asyncio task %s: could not be read: %v", t.Name, err))
		}
		t.to = len(p.watched)
		if !over {
			known[obj] = t
			list = append(list, t)
		}
	}
	if p.at.Asyncio == 0 && p.minor >= 14 {
		notes = append(notes, "asyncio: the file of its module could not be read, which tells where its tasks are")
	}
	byName(list)
	parents := map[*task]*task{}
	for _, t := range list {
		var children []*task
		for _, child := range p.asyncioAwaited(t, waiters[t.obj]) {
			if c := known[child]; c != nil && parents[c] == nil && !beneath(t, c, parents) {
				parents[c] = t
				children = append(children, c)
			}
		}
		if children != nil {
			t.children = [][]*task{children}
		}
	}
	for _, t := range list {
		if parents[t] == nil {
			roots = append(roots, t)
		}
	}
	return roots, notes
}

// asyncioLoops is the thread of each loop that runs, by the loop: `self` of
// run_forever.
func (p *python) asyncioLoops(threads []*thread) map[uint64]int {
	loops := map[uint64]int{}
	for _, t := range threads {
		for _, f := range t.frames {
			if f.code.of("asyncio/base_events.py") && f.code.method("run_forever") {
				_ = try(func() {
					if loop := p.local(f, "self"); loop != 0 {
						loops[loop] = t.TID
					}
				})
			}
		}
	}
	return loops
}

// beneath reports whether t is c or somewhere under it: tasks that await each
// other have no tree.
func beneath(t, c *task, parents map[*task]*task) bool {
	for ; t != nil; t = parents[t] {
		if t == c {
			return true
		}
	}
	return false
}

// asyncioTask fills in one task; over: it is done.
func (p *python) asyncioTask(t *task, loops map[uint64]int, waiters map[uint64]uint64) (over bool) {
	var coro, name, waiter, loop uint64
	t.Cancelled = nil
	if p.typeOf(t.obj).name == "_asyncio.Task" {
		var at uint64
		at, coro, name = p.asyncioFields(t.obj)
		if coro == 0 {
			return true // task_coro is cleared at the end
		}
		waiter = p.link(at)
		loop = p.u64(t.obj + 16) // task_loop, the first field of all futures
		t.Cancelled = p.asyncioCancelled(t.obj, at)
	} else { // the one in Python
		t.Cancelled = p.asyncioCancelledInPython(t.obj)
		coro, name, waiter = p.attr(t.obj, "_coro"), p.attr(t.obj, "_name"), p.attr(t.obj, "_fut_waiter")
		loop = p.attr(t.obj, "_loop")
	}
	t.TID = loops[loop]
	if p.isType(name, "int") {
		t.Name = fmt.Sprintf("Task-%d", p.int(name))
	} else {
		t.Name = p.str(name)
	}
	t.State = Runnable
	if !p.isNone(waiter) {
		waiters[t.obj] = waiter
		switch p.futureState(waiter) {
		case futureCancelled:
			t.Cancelled = new(true)
		case futureFinished:
		default:
			t.State = Parked
		}
	}
	t.chain = p.chain(coro)
	for _, l := range t.chain {
		switch l.state {
		case executing:
			t.State = Running
		case finished:
			return true
		}
	}
	if t.State == Parked {
		t.waits = []wait{p.asyncioWait(t, waiter)}
	}
	return false
}

// asyncioFields finds the fields of a Task of C, and where task_fut_waiter is: that,
// task_coro and task_name lie next to each other from 3.8 to 3.15, and only one word
// of the object points at a coroutine and has a name behind it.
func (p *python) asyncioFields(t uint64) (waiterAt, coro, name uint64) {
	size := min(p.typeOf(t).basic, 400)
	for at := uint64(24); at+16 <= size && coro == 0; at += 8 {
		c := p.u64(t + at)
		if c < pageSize || c&7 != 0 || c >= maxAddr {
			continue
		}
		_ = try(func() {
			switch p.typeOf(c).name {
			case "coroutine", "generator", "async_generator_asend":
				s := p.u64(t + at + 8)
				if kind := p.typeOf(s).name; kind == "str" || kind == "int" {
					waiterAt, coro, name = t+at-8, c, s
				}
			}
		})
	}
	return waiterAt, coro, name
}

// asyncioObjects collects tasks: 3.14 keeps them in lists whose heads
// .AsyncioDebug tells, and those that C does not know in a weak set; before, all
// are in weak sets (3.12 adds eager ones).
func (p *python) asyncioObjects(interp uint64) (out []uint64, err error) {
	if p.at.Asyncio != 0 {
		err = try(func() {
			// struct of Modules/_asynciomodule.c, _Py_AsyncioModuleDebugOffsets
			node := p.u64(p.at.Asyncio + 6*8)
			ofInterp, ofThread := p.u64(p.at.Asyncio+8*8), p.u64(p.at.Asyncio+12*8)
			if max(node, ofInterp, ofThread) > 1<<20 {
				fail(p.at.Asyncio, "offsets of _asyncio: %w", ErrLayout)
			}
			walk := func(head uint64) {
				prev := head
				for x := p.u64(head); x != 0 && x != head && len(out) < maxTasks; x = p.u64(x) {
					if p.u64(x+8) != prev {
						fail(x, "the list of tasks is broken: it runs")
					}
					prev = x
					out = append(out, x-node)
				}
			}
			walk(interp + ofInterp)
			threads := 0
			for ts := p.u64(interp + p.o.InThreads); ts != 0 && threads < maxThreads; ts = p.u64(ts + p.o.TsNext) {
				walk(ts + ofThread)
				threads++
			}
		})
	}
	again := try(func() {
		for _, name := range []string{"_scheduled_tasks", "_all_tasks"} {
			if set := p.global(interp, "asyncio.tasks", name); set != 0 {
				out = append(out, p.weakSet(set)...)
				break
			}
		}
		if set := p.global(interp, "asyncio.tasks", "_eager_tasks"); set != 0 && p.isType(set, "set") {
			out = append(out, p.set(set)...)
		}
	})
	if err == nil {
		err = again
	}
	return out, err
}

// weakSet lists what lives of a weakref.WeakSet.
func (p *python) weakSet(set uint64) (out []uint64) {
	if p.isNone(set) {
		return nil
	}
	for _, ref := range p.set(p.attr(set, "data")) {
		if obj := p.u64(ref + 16); !p.isNone(obj) { // PyWeakReference.wr_object
			out = append(out, obj)
		}
	}
	return out
}

// asyncioAwaited lists the tasks that a task awaits: one, those of a gather,
// those of a TaskGroup that it is in.
func (p *python) asyncioAwaited(t *task, waiter uint64) (out []uint64) {
	_ = try(func() {
		if waiter != 0 {
			out = append(out, waiter)
			if p.typeOf(waiter).name == "_GatheringFuture" {
				if children := p.attr(waiter, "_children"); !p.isNone(children) {
					out = append(out, p.list(children)...)
				}
			}
		}
		for _, l := range t.chain {
			if l.frame.code == nil || !strings.HasSuffix(l.frame.code.file, "asyncio/taskgroups.py") {
				continue
			}
			if group := p.local(l.frame, "self"); group != 0 {
				if tasks := p.attr(group, "_tasks"); !p.isNone(tasks) {
					out = append(out, p.set(tasks)...)
				}
			}
		}
	})
	return out
}
