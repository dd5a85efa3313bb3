package probe

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// FDInfo is what every /proc/PID/fdinfo/N says (proc_pid_fdinfo(5)).
type FDInfo struct {
	Pos   int64
	Flags int           // O_ACCMODE and the rest, as open(2) numbers them on that machine
	Inode uint64        // since Linux 5.14; else 0
	PID   int           // of a pidfd: whom it refers to; -1 when that one is gone
	Timer time.Duration // of a timerfd: until it expires next; 0 not armed
}

// ParseFDInfo reads an fdinfo file. Lines of single kinds of files (tfd:,
// lock: …) are skipped.
func ParseFDInfo(b []byte) (FDInfo, error) {
	var f FDInfo
	known := false
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		value = bytes.TrimSpace(value)
		var err error
		var n int64
		switch string(key) {
		case "pos":
			f.Pos, err = strconv.ParseInt(string(value), 10, 64)
		case "flags":
			known = true
			n, err = strconv.ParseInt(string(value), 8, 64)
			f.Flags = int(n)
		case "ino":
			f.Inode, err = strconv.ParseUint(string(value), 10, 64)
		case "Pid":
			f.PID, err = number(value)
		case "it_value":
			f.Timer, err = parseTimer(value)
		}
		if err != nil {
			return FDInfo{}, fmt.Errorf("fdinfo: %s: %w", key, err)
		}
	}
	if !known {
		return FDInfo{}, errors.New("fdinfo: no flags")
	}
	return f, nil
}

// parseTimer reads "(3, 999864000)": seconds and nanoseconds.
func parseTimer(value []byte) (time.Duration, error) {
	inside, opens := bytes.CutPrefix(value, []byte("("))
	inside, closes := bytes.CutSuffix(inside, []byte(")"))
	sec, nsec, two := bytes.Cut(inside, []byte(","))
	if !opens || !closes || !two {
		return 0, fmt.Errorf("%.60q is not (seconds, nanoseconds)", value)
	}
	s, err := strconv.ParseInt(string(bytes.TrimSpace(sec)), 10, 64)
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(string(bytes.TrimSpace(nsec)), 10, 32)
	if err != nil {
		return 0, err
	}
	if s < 0 || ns < 0 {
		return 0, fmt.Errorf("%.60q is in the past", value)
	}
	return time.Duration(min(s, int64(math.MaxInt64/time.Second)-1))*time.Second + time.Duration(ns), nil
}

// Reads and Writes report the mode in which the file was opened. O_ACCMODE is
// the same on every architecture.
func (f FDInfo) Reads() bool { return f.Flags&3 == 0 || f.Flags&3 == 2 }

// Writes reports whether the file was opened for writing.
func (f FDInfo) Writes() bool { return f.Flags&3 == 1 || f.Flags&3 == 2 }
