package pystack

// The states of a future. unknownFuture: it is of a kind that we do not know.
const (
	unknownFuture = iota
	futurePending
	futureCancelled
	futureFinished
)

// futureState tells whether a future that a task waits for is done. Then the task
// could run, and only the loop has not come to it.
func (p *python) futureState(obj uint64) (state int) {
	_ = try(func() {
		if at := p.stateOfFuture(obj); at != 0 {
			if n := p.u32(at); n <= 2 { // fut_state of Modules/_asynciomodule.c
				state = futurePending + int(n)
			}
			return
		}
		if s := p.attr(obj, "_state"); !p.isNone(s) { // one in Python
			state = map[string]int{"PENDING": futurePending, "CANCELLED": futureCancelled, "FINISHED": futureFinished}[p.str(s)]
		}
	})
	return state
}

// stateOfFuture is where a future of C, or a task, has its state; 0: it is none.
//
// Behind it are two ints and then the dict, of which the type tells where it is;
// from 3.13 on there is no dict, and the state with some bits is the last word.
func (p *python) stateOfFuture(obj uint64) uint64 {
	for _, base := range p.tuple(p.u64(p.typeOf(obj).addr + p.o.TpMro)) {
		t := p.typeAt(base)
		switch {
		case t.name != "_asyncio.Future":
		case p.minor >= 13:
			return obj + t.basic - 8
		case t.dictAt >= 72:
			return obj + uint64(t.dictAt) - 16
		}
	}
	return 0
}

// asyncioCancelled tells whether a task of C was cancelled, of which
// task_fut_waiter is at waiterAt; nil: nothing tells. From 3.11 on the calls of
// cancel() are counted. Before, it can only be seen until the task hears of it.
func (p *python) asyncioCancelled(t, waiterAt uint64) (cancelled *bool) {
	_ = try(func() {
		var must, requests uint32
		if p.minor >= 13 { // both are before it, the bit among others behind the state
			state := waiterAt - 16
			bit := 2 // after log_tb and blocking
			if p.minor >= 14 {
				bit += 16
				if isTask := p.u8(state + 4); isTask != 1 {
					return // laid out in another way
				}
			}
			must, requests = p.u32(state+4)>>bit&1, p.u32(state+8)
		} else { // behind coroutine, name and context
			if must = p.u32(waiterAt + 32); p.minor >= 11 {
				requests = p.u32(waiterAt + 40)
			}
		}
		const most = 1 << 20
		switch {
		case must > 1 || requests > most:
		case must == 1 || requests > 0:
			cancelled = new(true)
		case p.minor >= 11:
			cancelled = new(false)
		}
	})
	return cancelled
}

// asyncioCancelledInPython is asyncioCancelled for a task that is an instance of a
// class in Python.
func (p *python) asyncioCancelledInPython(t uint64) (cancelled *bool) {
	_ = try(func() {
		requests := p.attr(t, "_num_cancels_requested")
		counted := requests != 0 && p.isType(requests, "int")
		switch {
		case p.isTrue(p.attr(t, "_must_cancel")), counted && p.int(requests) > 0:
			cancelled = new(true)
		case counted:
			cancelled = new(false)
		}
	})
	return cancelled
}
