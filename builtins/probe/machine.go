package probe

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"github.com/prometheus/procfs"
)

// Machine returns load averages, processors, and how this kernel limits
// looking at others. What could not be read is -1 (0 for CPUs), and the error
// says why.
//
// Source: /proc/loadavg, /proc/stat, /proc/sys/kernel.
func (l *Live) Machine(ctx context.Context) (Machine, error) {
	m := Machine{Load1: -1, Load5: -1, Load15: -1}
	var errs []error
	fs, err := procfs.NewFS(l.proc)
	if err == nil {
		var load *procfs.LoadAvg
		if load, err = fs.LoadAvg(); err == nil {
			m.Load1, m.Load5, m.Load15 = load.Load1, load.Load5, load.Load15
		}
	}
	if err != nil {
		errs = append(errs, err)
	}
	stat, err := l.ReadFile(ctx, "stat", nil)
	if err != nil {
		errs = append(errs, err)
	}
	m.CPUs = countCPUs(stat)
	if m.PtraceScope, err = ptraceScope(ctx, l); err != nil {
		errs = append(errs, err)
	}
	if m.PidMax, err = readNumber(ctx, l, "sys/kernel/pid_max"); err != nil {
		m.PidMax = -1
		errs = append(errs, err)
	}
	return m, errors.Join(errs...)
}

// ptraceScope is kernel.yama.ptrace_scope; -1 when the kernel has no Yama, or
// it could not be read.
func ptraceScope(ctx context.Context, h Host) (int, error) {
	n, err := readNumber(ctx, h, "sys/kernel/yama/ptrace_scope")
	switch {
	case Gone(err):
		return -1, nil
	case err != nil:
		return -1, err
	}
	return n, nil
}

func readNumber(ctx context.Context, h Host, path string) (int, error) {
	b, err := h.ReadFile(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(bytes.TrimSpace(b)))
}

// countCPUs counts the lines cpu0, cpu1 … of /proc/stat: the processors that
// are online.
func countCPUs(stat []byte) int {
	n := 0
	for line := range bytes.Lines(stat) {
		if len(line) > 3 && bytes.HasPrefix(line, []byte("cpu")) && line[3] >= '0' && line[3] <= '9' {
			n++
		}
	}
	return n
}
