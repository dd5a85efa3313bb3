package probe

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Status is what we use of /proc/PID/status or /proc/PID/task/TID/status
// (proc_pid_status(5)).
type Status struct {
	TGID      int // the process that a thread belongs to
	PID       int
	Inner     int // PID as it is called in its own pid namespace; 0 unknown
	PPID      int
	UID       int // real
	Tracer    int // TracerPid; 0 none
	Signals   Signals
	Voluntary uint64 // context switches
	Forced    uint64
}

// ParseStatus reads a status file. Lines that we don't know are skipped, a
// line that we know and can't read is an error, and so is a file without Pid
// and Uid. Kernels without a line leave zero.
func ParseStatus(b []byte) (Status, error) {
	s := Status{UID: -1}
	var pending uint64
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		value = bytes.TrimSpace(value)
		var err error
		switch string(key) {
		case "Tgid":
			s.TGID, err = number(value)
		case "Pid":
			s.PID, err = number(value)
		case "NSpid": // one for each namespace, from ours inwards
			s.Inner, err = number(value[bytes.LastIndexByte(value, '\t')+1:])
		case "PPid":
			s.PPID, err = number(value)
		case "TracerPid":
			s.Tracer, err = number(value)
		case "Uid":
			real, _, _ := bytes.Cut(value, []byte("\t"))
			s.UID, err = number(real)
		case "SigPnd", "ShdPnd":
			pending, err = mask(value)
			s.Signals.Pending |= pending
		case "SigBlk":
			s.Signals.Blocked, err = mask(value)
		case "SigIgn":
			s.Signals.Ignored, err = mask(value)
		case "SigCgt":
			s.Signals.Caught, err = mask(value)
		case "voluntary_ctxt_switches":
			s.Voluntary, err = strconv.ParseUint(string(value), 10, 64)
		case "nonvoluntary_ctxt_switches":
			s.Forced, err = strconv.ParseUint(string(value), 10, 64)
		}
		if err != nil {
			return Status{}, fmt.Errorf("status: %s: %w", key, err)
		}
	}
	if s.PID == 0 || s.UID < 0 {
		return Status{}, errors.New("status: no Pid or no Uid")
	}
	return s, nil
}

func number(b []byte) (int, error) { return strconv.Atoi(string(b)) }

func mask(b []byte) (uint64, error) { return strconv.ParseUint(string(b), 16, 64) }
