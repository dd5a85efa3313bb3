package pystack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"runbook/builtins/probe"
)

// marks says of each thread of a process whether it is on a CPU, and how often
// it has been put on one.
type marks map[int]mark

type mark struct {
	switches uint64
	running  bool
}

// readMarks reads State and the context switches of each thread, and what the
// process calls it. One that ends meanwhile is left out: then the marks differ.
func readMarks(ctx context.Context, h probe.Host, pid int) (marks, kernelThreads, error) {
	task := strconv.Itoa(pid) + "/task"
	tids, err := h.ReadDir(ctx, task)
	if err != nil {
		return nil, nil, err
	}
	out, called := marks{}, kernelThreads{}
	for _, name := range tids {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := h.ReadFile(ctx, fmt.Sprintf("%s/%d/stat", task, tid), nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		s, err := probe.ParseStat(stat)
		if err != nil {
			return nil, nil, err
		}
		status, err := h.ReadFile(ctx, fmt.Sprintf("%s/%d/status", task, tid), nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		c, err := probe.ParseStatus(status)
		if err != nil {
			return nil, nil, err
		}
		out[tid] = mark{c.Voluntary + c.Forced, s.State == "R"}
		called[cmp.Or(c.Inner, tid)] = tid
	}
	if len(out) == 0 {
		return nil, nil, fmt.Errorf("%s: %w", task, fs.ErrNotExist)
	}
	return out, called, nil
}

// ran lists the threads that ran, or may have, between two marks: none means
// that what was read in between is one state. A thread that is runnable is as
// good as running: it may have been put on a CPU and off again before its count
// was read.
func (before marks) ran(after marks) []int {
	out := map[int]bool{}
	for tid, b := range before {
		a, ok := after[tid]
		if !ok || b.running || a.running || a.switches != b.switches {
			out[tid] = true
		}
	}
	for tid := range after {
		if _, ok := before[tid]; !ok {
			out[tid] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}
