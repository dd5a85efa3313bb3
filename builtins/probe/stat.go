package probe

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Stat is what we use of /proc/PID/stat or /proc/PID/task/TID/stat
// (proc_pid_stat(5)). Times are clock ticks.
type Stat struct {
	PID     int
	Comm    string // raw: may hold anything but NUL
	State   string
	PPID    int
	PGID    int
	SID     int
	TTY     int  // device number of the controlling terminal; 0 none
	Kernel  bool // a kernel thread
	User    uint64
	System  uint64
	Threads int
	Start   uint64 // since boot
	Exit    int    // of one that has ended, as wait(2) tells it; 0 is also what who may not know is shown
}

// pfKthread is PF_KTHREAD of include/linux/sched.h.
const pfKthread = 0x00200000

// ParseStat reads one line of stat. The name in it may contain spaces, newlines
// and brackets: it ends at the last ")".
func ParseStat(b []byte) (Stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return Stat{}, errors.New("stat: no (name)")
	}
	var s Stat
	var err error
	if s.PID, err = strconv.Atoi(string(bytes.TrimSpace(b[:open]))); err != nil {
		return Stat{}, fmt.Errorf("stat: pid: %w", err)
	}
	s.Comm = string(b[open+1 : end])

	f := make([][]byte, 0, 50) // f[0] is field 3, state; field 52 is the last
	for word := range bytes.FieldsSeq(b[end+1:]) {
		if len(f) == cap(f) {
			break
		}
		f = append(f, word)
	}
	if len(f) < 20 {
		return Stat{}, fmt.Errorf("stat: %d fields after the name, want 20 or more", len(f))
	}
	s.State = string(f[0])
	if len(s.State) != 1 {
		return Stat{}, fmt.Errorf("stat: state %q", s.State)
	}
	var flags uint64
	for _, n := range []struct {
		field int
		name  string
		i     *int
		u     *uint64
	}{
		{4, "ppid", &s.PPID, nil},
		{5, "pgrp", &s.PGID, nil},
		{6, "session", &s.SID, nil},
		{7, "tty_nr", &s.TTY, nil},
		{9, "flags", nil, &flags},
		{14, "utime", nil, &s.User},
		{15, "stime", nil, &s.System},
		{20, "num_threads", &s.Threads, nil},
		{22, "starttime", nil, &s.Start},
	} {
		text := string(f[n.field-3])
		if n.i != nil {
			*n.i, err = strconv.Atoi(text)
		} else {
			*n.u, err = strconv.ParseUint(text, 10, 64)
		}
		if err != nil {
			return Stat{}, fmt.Errorf("stat: %s: %w", n.name, err)
		}
	}
	s.Kernel = flags&pfKthread != 0
	if len(f) > 52-3 { // since Linux 3.5
		if s.Exit, err = strconv.Atoi(string(f[52-3])); err != nil {
			return Stat{}, fmt.Errorf("stat: exit_code: %w", err)
		}
	}
	return s, nil
}
