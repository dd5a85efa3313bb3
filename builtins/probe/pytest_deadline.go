package probe

import (
	"context"
	"slices"
	"strings"
	"time"
)

// lookForTimeout looks once whether a timeout(1) stands between us and pytest:
// it changes what exit codes mean.
func (s *pytestSession) lookForTimeout(ctx context.Context) {
	if s.looked || s.story.pid == 0 {
		return
	}
	s.looked = true
	for pid, n := s.story.ppid, 0; pid > 1 && pid != s.host.Clock().PID && n < 20; n++ {
		raw, err := s.host.ReadFile(ctx, pidPath(pid, "cmdline"), nil)
		l, err2 := readLife(ctx, s.host, pid)
		if err != nil || err2 != nil {
			return
		}
		if t := parseTimeout(strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")); t != nil {
			s.timeout = t
			return
		}
		pid = l.PPID
	}
}

// atDeadline is the last look: what hangs stands still until it returns.
func (s *pytestSession) atDeadline(ctx context.Context, tree []ID, interrupted bool) {
	pace := s.paceOf(ctx, tree)
	s.mu.Lock()
	s.read()
	if pace != nil {
		pace.Ended = s.story.done() - s.mark.ended
	}
	s.pace, s.after = pace, time.Since(s.began)
	story := s.story // what SIGINT makes pytest say is not how it hung
	story.procs = nil
	for _, p := range s.story.procs {
		as := *p
		story.procs = append(story.procs, &as)
	}
	story.tests = slices.Clip(story.tests)
	s.hung = &story
	last := s.progress()
	s.mu.Unlock()
	if s.run.Progress != nil {
		s.run.Progress(last)
	}
	if s.run.OnHang != nil {
		s.run.OnHang(ctx, tree, story.doing())
	}
	if !interrupted {
		s.askWhere(ctx, tree)
	}
}

// askWhere sends pytest SIGINT: it prints where that found it, and tears down
// what it set up, if it still can. Nobody is asked who would not hear.
func (s *pytestSession) askWhere(ctx context.Context, tree []ID) {
	i := slices.IndexFunc(tree, func(id ID) bool { return id.PID == s.hung.pid })
	if i < 0 || s.run.Grace <= 0 {
		return
	}
	if signals, err := ReadSignals(ctx, s.host, tree[i].PID); err != nil || !Has(signals.Caught, 2) {
		return
	}
	if s.host.Act().Signal(ctx, tree[i], 2) == nil {
		ctx, cancel := context.WithTimeout(ctx, s.run.Grace/2)
		defer cancel()
		_ = s.host.Act().Wait(ctx, tree[i]) // or not: then SIGTERM comes
	}
}
