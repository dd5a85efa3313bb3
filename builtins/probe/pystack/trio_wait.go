package pystack

import "fmt"

// trioWaits tells what a parked trio task waits for from the frames of its
// await chain: the innermost one of a file of trio that we know decides.
func (p *python) trioWaits(t *task) []wait {
	if t.cut() {
		return nil
	}
	for i := len(t.chain) - 1; i >= 0; i-- {
		f := t.chain[i].frame
		if f.code == nil || i > 0 && sleepsUntil(t.chain[i-1].frame) {
			continue // sleep_until is sleep_forever with a deadline
		}
		var w wait
		var known bool
		_ = try(func() { w, known = p.trioWait(f) })
		if known {
			return []wait{w}
		}
	}
	return nil
}

func sleepsUntil(f frame) bool {
	return f.code != nil && f.code.of("trio/_timeouts.py") && f.code.name == "sleep_until"
}

// trioExit turns the wait for a descriptor that says when a process ends into
// one for that process.
func (p *python) trioExit(t *task) {
	for _, l := range t.chain {
		if c := l.frame.code; c == nil || !c.of("trio/_subprocess.py") || !c.method("wait") {
			continue
		}
		_ = try(func() {
			if w, ok := p.trioProcess(l.frame); ok && len(t.waits) == 1 {
				w.FD = t.waits[0].FD
				t.waits = []wait{w}
			}
		})
		return
	}
}

func counted(n uint64, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

func (p *python) trioWait(f frame) (wait, bool) {
	c := f.code
	switch {
	case c.of("trio/_sync.py"):
		return p.trioSync(f)
	case c.of("trio/_channel.py"):
		return p.trioChannel(f)
	case c.of("trio/_timeouts.py"):
		switch c.name {
		case "sleep_forever":
			return newWait("forever"), true
		case "sleep", "sleep_until":
			return newWait("sleep"), true
		}
	case c.of("trio/_threads.py"):
		if c.name == "to_thread_run_sync" {
			return newWait("thread"), true
		}
	case c.of("trio/_subprocess.py"), c.of("trio/_subprocess_platform/waitid.py"):
		return p.trioProcess(f)
	case c.of("trio/_core/_run.py"):
		if c.method("_nested_child_finished") {
			w := newWait("nursery")
			if nursery := p.local(f, "self"); nursery != 0 {
				w.Detail = counted(p.sizeOfSet(p.attr(nursery, "_children")), "child", "children")
			}
			return w, true
		}
	}
	return wait{}, false
}

// trioSync is for the primitives of trio/_sync.py.
func (p *python) trioSync(f frame) (wait, bool) {
	self := p.local(f, "self")
	if self == 0 {
		return wait{}, false
	}
	switch {
	case f.code.method("wait"):
		if p.typeOf(self).name == "Condition" {
			return newWait("condition"), true
		}
		w := newWait("event")
		w.about = self
		if n := p.attr(self, "_tasks"); !p.isNone(n) {
			w.Detail = fmt.Sprintf("%d wait for it", p.sizeOfSet(n))
		}
		return w, true
	case f.code.method("acquire_on_behalf_of"):
		w := newWait("capacity")
		if n := p.attr(self, "_borrowers"); !p.isNone(n) {
			holders := p.set(n)
			w.Detail = fmt.Sprintf("all %d are taken", len(holders))
			if len(holders) == 1 {
				w.owner = holders[0]
			}
		}
		return w, true
	case f.code.method("acquire"):
		if p.typeOf(self).name == "Semaphore" {
			return newWait("semaphore"), true
		}
		w := newWait("lock")
		if owner := p.attr(self, "_owner"); !p.isNone(owner) {
			w.owner = owner
			w.Detail = "held by task " + p.str(p.attr(owner, "name"))
		}
		return w, true
	}
	return wait{}, false
}

// trioChannel is for memory channels: both ends share a MemoryChannelState.
func (p *python) trioChannel(f frame) (wait, bool) {
	w, others := newWait("receive"), "send"
	w.otherEnd = "MemorySendChannel"
	switch {
	case f.code.method("receive"):
	case f.code.method("send"):
		w, others = newWait("send"), "receive"
		w.otherEnd = "MemoryReceiveChannel"
	default:
		return wait{}, false
	}
	_ = try(func() {
		state := p.attr(p.local(f, "self"), "_state")
		if p.isNone(state) {
			return
		}
		w.about = state
		open := p.attr(state, "open_"+others+"_channels")
		if !p.isNone(open) && p.isType(open, "int") {
			w.otherEnds = p.int(open)
			w.Detail = counted(uint64(w.otherEnds), others+" channel", others+" channels") + " open"
		}
	})
	return w, true
}

func (p *python) trioProcess(f frame) (wait, bool) {
	w := newWait("process")
	for _, name := range []string{"self", "process"} {
		if o := p.local(f, name); o != 0 && p.typeOf(o).name == "Process" {
			if pid := p.attr(o, "pid"); !p.isNone(pid) && p.isType(pid, "int") {
				w.PID = int(p.int(pid))
			} else if popen := p.attr(o, "_proc"); !p.isNone(popen) {
				if pid := p.attr(popen, "pid"); !p.isNone(pid) {
					w.PID = int(p.int(pid))
				}
			}
			return w, true
		}
	}
	return wait{}, false
}
