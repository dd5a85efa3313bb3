package pystack

import "fmt"

// runner is trio's Runner: one event loop.
type runner struct {
	obj    uint64
	thread *thread // whose frames it was found in; nil unknown
	task   uint64  // that the loop is in the middle of; 0 none
}

// runners finds trio's loops in GLOBAL_RUN_CONTEXT of trio._core._run, in which
// each thread that has one keeps its Runner, and its Task while that is run. In
// guest mode, too, where trio may have no frame on any stack.
func (p *python) runners(interp uint64, threads []*thread) (out []runner, note string) {
	if p.module(interp, "trio._core._run") == 0 {
		return nil, ""
	}
	err := try(func() {
		for _, context := range p.threadLocals(p.global(interp, "trio._core._run", "GLOBAL_RUN_CONTEXT")) {
			r := runner{obj: p.dictGet(context, "runner"), task: p.dictGet(context, "task")}
			if r.obj != 0 && p.isType(r.obj, "Runner") {
				r.thread = p.threadOf(r.obj, threads)
				out = append(out, r)
			}
		}
	})
	if err != nil {
		note = "trio: its loops could not be read: " + err.Error()
	}
	return out, note
}

// threadLocals lists the dicts of a threading.local, one a thread that used it.
//
// It has them as the values of a dict, under weak references to the threads.
// Where in the object that lies has changed (Modules/_threadmodule.c,
// localobject), so each word of it is tried: no other is a dict of dicts.
func (p *python) threadLocals(obj uint64) (out []uint64) {
	if obj == 0 {
		return nil
	}
	for at := uint64(16); at+8 <= min(p.typeOf(obj).basic, 256) && out == nil; at += 8 {
		_ = try(func() {
			d := p.u64(obj + at)
			if d < pageSize || d%8 != 0 || d >= maxAddr || !p.isType(d, "dict") {
				return
			}
			for _, e := range p.dict(d) {
				if e.key != 0 && e.value != 0 && p.isType(e.value, "dict") {
					out = append(out, e.value)
				}
			}
		})
	}
	return out
}

// threadOf is the thread that runs a loop: run and unrolled_run have it in
// `runner`. nil: it is in neither, as in guest mode.
func (p *python) threadOf(loop uint64, threads []*thread) *thread {
	for _, t := range threads {
		for _, f := range t.frames {
			if !f.code.of("trio/_core/_run.py") {
				continue
			}
			found := false
			_ = try(func() { found = p.local(f, "runner") == loop })
			if found {
				return t
			}
		}
	}
	return nil
}

// trioTasks reads the tree of tasks of a loop, from its init task down.
func (p *python) trioTasks(r runner) (root *task, notes []string, err error) {
	err = try(func() {
		init := p.attr(r.obj, "init_task")
		if p.isNone(init) {
			return // it has not begun, or is over
		}
		w := &trioWalk{python: p, runner: r, descriptors: p.trioDescriptors(r.obj), seen: map[uint64]bool{}}
		root = w.task(init)
		p.counterparts(w.tasks)
		notes = w.notes
	})
	return root, notes, err
}

type trioWalk struct {
	*python
	runner      runner
	descriptors map[uint64][]wait // by task
	seen        map[uint64]bool
	tasks       []*task
	notes       []string
}

func (w *trioWalk) note(t *task, what string, err error) {
	if err != nil {
		w.notes = append(w.notes, fmt.Sprintf("trio task %s: its %s could not be read: %v", t.Name, what, err))
	}
}

func (w *trioWalk) task(obj uint64) *task {
	t := &task{obj: obj, from: len(w.watched)}
	t.Library, t.Schedules, t.Ran, t.State = "trio", -1, -1, Parked
	w.seen[obj] = true
	w.tasks = append(w.tasks, t)
	if w.runner.thread != nil {
		t.TID = w.runner.thread.TID
	}
	w.note(t, "state", try(func() {
		t.Name = w.str(w.attr(obj, "name"))
		switch {
		case obj == w.runner.task:
			t.State = Running
		case !w.isNone(w.attr(obj, "_next_send_fn")):
			t.State = Runnable
		}
		if n := w.attr(obj, "_schedule_points"); !w.isNone(n) && w.isType(n, "int") {
			t.Schedules = w.int(n)
		}
		w.cancellation(t)
	}))
	w.note(t, "await chain", try(func() {
		t.chain = w.chain(w.attr(obj, "coro"))
		if t.State == Parked {
			if t.waits = w.descriptors[obj]; len(t.waits) == 0 {
				t.waits = w.trioWaits(t)
			} else {
				w.trioExit(t)
			}
			if t.Cancelled != nil && !*t.Cancelled {
				t.Deadline, t.Endless = w.deadline(t)
			}
		}
	}))
	t.to = len(w.watched)
	w.note(t, "nurseries", try(func() { w.nurseries(t) }))
	return t
}

func (w *trioWalk) nurseries(t *task) {
	list := w.attr(t.obj, "_child_nurseries")
	if w.isNone(list) {
		return
	}
	for _, n := range w.list(list) {
		var nursery []*task
		members := w.set(w.attr(n, "_children"))
		w.prefetch(members)
		for _, child := range members {
			if w.seen[child] || len(w.seen) >= maxTasks {
				continue
			}
			nursery = append(nursery, w.task(child))
		}
		byName(nursery)
		t.children = append(t.children, nursery)
	}
}

// cancellation walks outward through the scopes around a task (trio's
// CancelStatus): is one cancelled, and does a shield stand before it?
func (w *trioWalk) cancellation(t *task) {
	const most = 1000
	delivered, cancelled, shield := false, false, false
	status := w.attr(t.obj, "_cancel_status")
	for n := 0; !w.isNone(status) && n < most; n++ {
		if n == 0 {
			delivered = w.isTrue(w.attr(status, "effectively_cancelled"))
		}
		scope := w.attr(status, "_scope")
		if !w.isNone(scope) {
			if w.isTrue(w.attr(scope, "_cancel_called")) || w.isTrue(w.attr(scope, "cancel_called")) {
				cancelled = true
				t.Shielded = !delivered && shield
				break
			}
			shield = shield || w.isTrue(w.attr(scope, "_shield"))
		}
		status = w.attr(status, "_parent")
	}
	t.Cancelled = new(cancelled || delivered)
	t.Deaf = delivered && t.State == Parked && w.isNone(w.attr(t.obj, "_abort_func"))
}

// trioDescriptors says which task waits for which file descriptor, as the epoll
// manager keeps it: _registered, of EpollWaiters.
func (p *python) trioDescriptors(runner uint64) map[uint64][]wait {
	out := map[uint64][]wait{}
	_ = try(func() {
		manager := p.attr(runner, "io_manager")
		for _, e := range p.dict(p.attr(manager, "_registered")) {
			if e.key == 0 || e.value == 0 {
				continue
			}
			_ = try(func() {
				fd := int(p.int(e.key))
				for _, way := range []string{"read", "write"} {
					if t := p.attr(e.value, way+"_task"); !p.isNone(t) {
						w := newWait(way)
						w.FD = fd
						out[t] = append(out[t], w)
					}
				}
			})
		}
	})
	return out
}
