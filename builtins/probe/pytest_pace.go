package probe

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// PytestPace is how a run went in the last stretch before its deadline: what is
// merely slow, or gets no processor, is at work until then.
type PytestPace struct {
	Over  time.Duration // how long that stretch was
	Ended int           // tests that ended in it
	CPU   time.Duration // that its processes used
	Delay time.Duration // that their threads were ready to run, and waited for a processor
}

// The stretch is a quarter of the time that a run has, and at most lastStretch.
const lastStretch = 10 * time.Second

// paceMark is what a stretch is measured from.
type paceMark struct {
	at    time.Time
	ended int
	used  map[ID]usedTime
}

// usedTime is what one process used until now.
type usedTime struct{ cpu, delay time.Duration }

// markPace begins the last stretch when it is time to; called now and then.
func (s *pytestSession) markPace(ctx context.Context) {
	s.mu.Lock()
	root, ended := s.story.pid, s.story.done()
	s.mu.Unlock()
	if s.mark != nil || root == 0 || time.Since(s.began) < s.run.Timeout-min(lastStretch, s.run.Timeout/4) {
		return
	}
	mark := &paceMark{at: time.Now(), ended: ended, used: map[ID]usedTime{}}
	for next := []int{root}; len(next) > 0 && len(mark.used) < 1000; next = next[1:] {
		id, used, children := usedBy(ctx, s.host, next[0])
		if id.PID != 0 {
			mark.used[id] = used
			next = append(next, children...)
		}
	}
	s.mu.Lock()
	s.mark = mark
	s.mu.Unlock()
}

// paceOf is how the stretch went, at the deadline, but for the tests; nil = it
// had not begun. A process that lived then and was not seen is left out.
func (s *pytestSession) paceOf(ctx context.Context, tree []ID) *PytestPace {
	s.mu.Lock()
	mark := s.mark
	s.mu.Unlock()
	if mark == nil {
		return nil
	}
	pace := &PytestPace{Over: time.Since(mark.at)}
	for _, id := range tree {
		now, used, _ := usedBy(ctx, s.host, id.PID)
		before, known := mark.used[id]
		if now != id || !known && s.host.Clock().At(id.Start).Before(mark.at) {
			continue
		}
		pace.CPU += max(0, used.cpu-before.cpu)
		pace.Delay += max(0, used.delay-before.delay)
	}
	return pace
}

// usedBy reads a process, and who its children are. A zero id: it is gone.
//
// Source: /proc/PID/stat, task/TID/schedstat (where the kernel keeps it: run
// time, time on a run queue, both in ns), task/TID/children.
func usedBy(ctx context.Context, h Host, pid int) (id ID, used usedTime, children []int) {
	raw, err := h.ReadFile(ctx, pidPath(pid, "stat"), nil)
	if err != nil {
		return
	}
	st, err := ParseStat(raw)
	if err != nil {
		return
	}
	id, used.cpu = ID{st.PID, st.Start}, h.Clock().Span(st.User+st.System)
	tasks, _ := h.ReadDir(ctx, pidPath(pid, "task"))
	for _, task := range tasks {
		if raw, err := h.ReadFile(ctx, pidPath(pid, "task/"+task+"/schedstat"), nil); err == nil {
			if words := strings.Fields(string(raw)); len(words) > 1 {
				ns, _ := strconv.ParseInt(words[1], 10, 64)
				used.delay += time.Duration(ns)
			}
		}
		if raw, err := h.ReadFile(ctx, pidPath(pid, "task/"+task+"/children"), nil); err == nil {
			for _, word := range strings.Fields(string(raw)) {
				if child, err := strconv.Atoi(word); err == nil {
					children = append(children, child)
				}
			}
		}
	}
	return id, used, children
}
