package probe

import (
	"fmt"
	"strconv"
	"time"
)

// Edge says that one process waits for another, or for something that is not a
// process of the sample.
type Edge struct {
	Waiter ID
	Holder ID // zero when it is not a process of the sample
	// HolderText says what is waited for when Holder is zero: an address, a
	// path, "pid 4242 (outside the tree)".
	HolderText string
	Kind       string // unread, send, recv, connect, accept, waitpid, pipe_write, pipe_read, lock, vfork, traced, fifo_open, tty
	FD         int    // the holder's for unread and accept, else the waiter's; -1 none
	Bytes      int    // unread or unsent; -1 where that means nothing
	// Certain: a thread is seen blocked in a call that only the holder can end.
	// Bytes that lie unread do not prove that their sender waits.
	Certain   bool
	Unchanged bool // the same at both looks; of unread bytes: none was read between them
	Grew      bool // unread bytes that were joined by more
	// HolderArmed: an event loop of the holder is waiting to read exactly this.
	HolderArmed bool
	// Loop is false when the wait is that of a thread beside the main one.
	Loop  bool
	Text  string // "45,815 bytes unread on fd 8, unchanged over 1.0s"
	Facts []Fact // what proves it
}

// Fact is one named value of evidence: bool, int, string or time.Duration.
type Fact struct {
	Name  string
	Value any
}

// said is the common end of an edge's text.
func (e *Edge) said(what string, over time.Duration) {
	e.Text = what
	switch {
	case e.Unchanged && e.Grew:
		e.Text += ", none read over " + seconds(over)
	case e.Unchanged:
		e.Text += ", unchanged over " + seconds(over)
	case over == 0:
		e.Text += ", seen once"
	}
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
}

// count writes n with thousands apart: 45,815.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func octets(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return count(n) + " bytes"
}

func onFD(fd int) string {
	if fd < 0 {
		return ""
	}
	return fmt.Sprintf(" on fd %d", fd)
}
