package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Machine returns load averages, processors, and how this kernel limits
// looking at others. What could not be read is -1 (0 for CPUs), and the error
// says why.
//
// Source: /proc/loadavg, /proc/stat, /proc/sys/kernel.
func (l *Live) Machine(ctx context.Context) (Machine, error) {
	m := Machine{Load1: -1, Load5: -1, Load15: -1}
	var errs []error
	load, err := l.ReadFile(ctx, "loadavg", nil)
	if err == nil {
		m.Load1, m.Load5, m.Load15, err = parseLoadAvg(load)
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

// parseLoadAvg reads /proc/loadavg: the averages over 1, 5 and 15 minutes, and
// more that nobody asks for (proc_loadavg(5)). With an error all are -1.
func parseLoadAvg(b []byte) (one, five, fifteen float64, err error) {
	fields := bytes.Fields(b)
	if len(fields) < 3 {
		return -1, -1, -1, fmt.Errorf("loadavg: %d fields", len(fields))
	}
	var loads [3]float64
	for i := range loads {
		if loads[i], err = strconv.ParseFloat(string(fields[i]), 64); err != nil {
			return -1, -1, -1, fmt.Errorf("loadavg: %w", err)
		}
	}
	return loads[0], loads[1], loads[2], nil
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
