package pystack

import "math"

// deadline is how many seconds after the reading a scope around a task is to be
// cancelled, negative when it should have been; nil: none is, or the clock is not
// one that we can read. What lies outside a shield does not reach the task.
func (w *trioWalk) deadline(t *task) (left *float64) {
	if w.at.Now == 0 || len(t.waits) > 0 && t.waits[0].Kind == "sleep" { // which is a scope with a deadline itself
		return nil
	}
	_ = try(func() {
		clock := w.attr(w.runner.obj, "clock")
		if w.isNone(clock) || w.typeOf(clock).name != "SystemClock" {
			return
		}
		offset, ok := w.float(w.attr(clock, "offset"))
		if !ok {
			return
		}
		const most = 1000
		first := math.Inf(1)
		status := w.attr(t.obj, "_cancel_status")
		for n := 0; !w.isNone(status) && n < most; n++ {
			if scope := w.attr(status, "_scope"); !w.isNone(scope) {
				if at, ok := w.float(w.attr(scope, "_deadline")); ok {
					first = min(first, at)
				}
				if w.isTrue(w.attr(scope, "_shield")) {
					break
				}
			}
			status = w.attr(status, "_parent")
		}
		if s := first - offset - w.at.Now; !math.IsInf(first, 0) && !math.IsNaN(s) {
			left = &s
		}
	})
	return left
}

// float reads a float; false: it is none.
func (p *python) float(o uint64) (float64, bool) {
	if o == 0 || !p.isType(o, "float") {
		return 0, false
	}
	return math.Float64frombits(p.u64(o + 16)), true
}
