package world

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"runbook/engine/lazyregexp"
)

func (w *world) host(rest []string) error {
	o, err := options(rest)
	if err == nil {
		err = o.read(map[string]setter{
			"uid": whole(&w.uid, 0), "kernel": text(&w.kernel), "arch": oneOf(&w.arch, "arch", "amd64", "arm64"), "name": text(&w.name),
			"cpus": whole(&w.machine.CPUs, 1), "ptrace_scope": whole(&w.machine.PtraceScope, -1), "load": w.load,
		}, nil)
	}
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	return nil
}

func (w *world) load(s string) error {
	numbers := fields(s)
	if len(numbers) != 3 {
		return fmt.Errorf("%q is not three numbers, as 0.1,0.2,0.3 are", s)
	}
	for i, to := range []*float64{&w.machine.Load1, &w.machine.Load5, &w.machine.Load15} {
		x, err := strconv.ParseFloat(numbers[i], 64)
		if err != nil || !(x >= 0) {
			return fmt.Errorf("%q is no load", numbers[i])
		}
		*to = x
	}
	return nil
}

// Words of /proc/locks.
var (
	lockKinds = []string{"FLOCK", "POSIX", "OFDLCK", "LEASE", "DELEG"}
	lockModes = []string{"READ", "WRITE"}
	lockFile  = lazyregexp.New(`^[0-9a-f]+:[0-9a-f]+:[0-9]+$`)
)

// lock keeps the rows as /proc/locks has them; moment numbers them.
func (w *world) lock(rest []string) error {
	if len(rest) < 4 {
		return errors.New("lock KIND MODE PID DEV:INODE [waiters=…]")
	}
	kind, mode, pid, file := bare(rest[0]), bare(rest[1]), bare(rest[2]), bare(rest[3])
	owner, err := strconv.Atoi(pid)
	switch {
	case !slices.Contains(lockKinds, kind):
		return fmt.Errorf("lock: %w", unknown("kind", kind, lockKinds))
	case !slices.Contains(lockModes, mode):
		return fmt.Errorf("lock: %w", unknown("mode", mode, lockModes))
	case err != nil || owner < -1:
		return fmt.Errorf("lock: %q is no pid (-1: of an open file, 0: of somebody who cannot be seen)", pid)
	case !lockFile().MatchString(file):
		return fmt.Errorf("lock: %q is not DEV:INODE, as fe:00:5 is", file)
	}
	o, err := options(rest[4:])
	var waiters []int
	if err == nil {
		err = o.read(map[string]setter{"waiters": pids(&waiters)}, nil)
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	row := func(arrow string, pid int) string {
		return fmt.Sprintf("%s%-6s ADVISORY  %-5s %d %s 0 EOF", arrow, kind, mode, pid, file)
	}
	rows := row("", owner)
	for _, pid := range waiters {
		rows += "\n" + row("-> ", pid)
	}
	w.locks = append(w.locks, rows)
	return nil
}
