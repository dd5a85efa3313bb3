package pystack

import "math"

// deadline is how many seconds after the reading a scope around a task is to be
// cancelled, negative when it should have been; nil: none is, or the clock is not
// one that we can read. never: none is, by any clock.
func (w *trioWalk) deadline(t *task) (left *float64, never bool) {
	if len(t.waits) > 0 && t.waits[0].Kind == "sleep" { // which is a scope with a deadline itself
		return nil, false
	}
	_ = try(func() {
		first, all := w.firstDeadline(t)
		if math.IsInf(first, 1) {
			never = all
			return
		}
		clock := w.attr(w.runner.obj, "clock")
		if w.at.Now == 0 || w.isNone(clock) || w.typeOf(clock).name != "SystemClock" {
			return
		}
		offset, ok := w.float(w.attr(clock, "offset"))
		if s := first - offset - w.at.Now; ok && !math.IsInf(first, 0) && !math.IsNaN(s) {
			left = &s
		}
	})
	return left, never
}

// firstDeadline is the earliest of the scopes around a task, by its clock, and +Inf
// for none; all: each of them was read. What lies outside a shield does not reach
// the task.
func (w *trioWalk) firstDeadline(t *task) (first float64, all bool) {
	const most = 1000
	first, all = math.Inf(1), true
	status := w.attr(t.obj, "_cancel_status")
	for n := 0; !w.isNone(status); n++ {
		if n == most {
			return first, false
		}
		if scope := w.attr(status, "_scope"); !w.isNone(scope) {
			at, ok := w.float(w.attr(scope, "_deadline"))
			if all = all && ok; ok {
				first = min(first, at)
			}
			if w.isTrue(w.attr(scope, "_shield")) {
				break
			}
		}
		status = w.attr(status, "_parent")
	}
	return first, all
}

// float reads a float; false: it is none.
func (p *python) float(o uint64) (float64, bool) {
	if o == 0 || !p.isType(o, "float") {
		return 0, false
	}
	return math.Float64frombits(p.u64(o + 16)), true
}
