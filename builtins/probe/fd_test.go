package probe

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFDsOfAnActor(t *testing.T) {
	h := newTiny()
	h.add("7 1 S python3")
	for fd, link := range map[string]string{
		"0": "/dev/null", "1": "pipe:[55]", "2": "/dev/pts/3", "3": "anon_inode:[eventpoll]", "4": "socket:[77]", "5": "anon_inode:[pidfd]",
		"6": "anon_inode:[eventfd]", "7": "/tmp/a b\n.log", "8": "anon_inode:[pidfd]", "9": "anon_inode:inotify", "10": "net:[4026531840]", "11": "/memfd:x (deleted)",
		"12": "anon_inode:[timerfd]", "13": "anon_inode:[timerfd]",
	} {
		h.links["7/fd/"+fd] = link
	}
	h.files["7/fdinfo/0"] = "pos:\t0\nflags:\t0100000\nmnt_id:\t1\nino:\t5\n"
	h.files["7/fdinfo/1"] = "pos:\t0\nflags:\t01\nmnt_id:\t1\n"
	h.files["7/fdinfo/2"] = "pos:\t0\nflags:\t02100002\nmnt_id:\t1\n"
	h.files["7/fdinfo/5"] = "pos:\t0\nflags:\t02000002\nmnt_id:\t1\nPid:\t4711\nNSpid:\t4711\n"
	h.files["7/fdinfo/8"] = "pos:\t0\nflags:\t02000002\nmnt_id:\t1\nPid:\t-1\nNSpid:\t-1\n"

	h.files["7/fdinfo/12"] = "pos:\t0\nflags:\t02\nmnt_id:\t1\nclockid: 1\nticks: 0\nsettime flags: 00\nit_value: (3, 750000000)\nit_interval: (4, 0)\n"
	h.files["7/fdinfo/13"] = "pos:\t0\nflags:\t02\nmnt_id:\t1\nclockid: 1\nticks: 0\nsettime flags: 00\nit_value: (0, 0)\nit_interval: (0, 0)\n"

	got, err := FDs(t.Context(), h, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []FD{
		{Num: 0, Kind: "null", Link: "/dev/null", Read: true},
		{Num: 1, Kind: "pipe", Link: "pipe:[55]", Inode: 55, Write: true},
		{Num: 2, Kind: "tty", Link: "/dev/pts/3", Read: true, Write: true},
		{Num: 3, Kind: "epoll", Link: "anon_inode:[eventpoll]"},
		{Num: 4, Kind: "socket", Link: "socket:[77]", Inode: 77, Read: true, Write: true},
		{Num: 5, Kind: "pidfd", Link: "anon_inode:[pidfd]", PID: 4711, Read: true, Write: true},
		{Num: 6, Kind: "eventfd", Link: "anon_inode:[eventfd]"},
		{Num: 7, Kind: "file", Link: "/tmp/a b\uFFFD.log"},
		{Num: 8, Kind: "pidfd", Link: "anon_inode:[pidfd]", PID: -1, Read: true, Write: true},
		{Num: 9, Kind: "anon", Link: "anon_inode:inotify"},
		{Num: 10, Kind: "other", Link: "net:[4026531840]"},
		{Num: 11, Kind: "file", Link: "/memfd:x (deleted)"},
		{Num: 12, Kind: "timerfd", Link: "anon_inode:[timerfd]", Timer: 3750 * time.Millisecond, Read: true, Write: true},
		{Num: 13, Kind: "timerfd", Link: "anon_inode:[timerfd]", Read: true, Write: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFDsThatMayNotBeReadAreAnError(t *testing.T) {
	h := newTiny()
	h.add("7 1 S python3")
	h.files["7/fd"] = "denied"
	h.files["sys/kernel/yama/ptrace_scope"] = "1\n"
	var seen Ledger
	fds, err := FDs(WithLedger(t.Context(), &seen), h, 7)
	if !errors.Is(err, fs.ErrPermission) || fds != nil {
		t.Errorf("%v, %v; want no list and fs.ErrPermission", fds, err)
	}
	want := []Coverage{{Probe: "fds", PID: 7, Status: "denied", Detail: "list /proc/7/fd: permission denied", Remedy: "sudo sysctl kernel.yama.ptrace_scope=0"}}
	if diff := cmp.Diff(want, seen.Rows()); diff != "" {
		t.Error(diff)
	}
}

func TestAZombieHasNoFDs(t *testing.T) {
	h := newTiny()
	h.add("7 1 Z")
	h.files["7/fd"] = "denied" // it is root's now
	if fds, err := FDs(t.Context(), h, 7); err != nil || len(fds) != 0 {
		t.Errorf("%v, %v; want none", fds, err)
	}
}

func TestFDInfoRefusesWhatIsCut(t *testing.T) {
	for _, bad := range []string{"", "pos:\t0\n", "flags:\t9\n", "flags:\t0\nPid:\tx\n", "flags:\t0\npos:\t\n", "flags:\t0\nit_value: 3\n", "flags:\t0\nit_value: (x, 0)\n", "flags:\t0\nit_value: (0, -1)\n"} {
		if f, err := ParseFDInfo([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v, want an error", bad, f)
		}
	}
}

func FuzzParseFDInfo(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t02000002\nmnt_id:\t1\nino:\t5\nPid:\t-1\n"), "socket:[5]")
	f.Add([]byte("flags:\t02\nit_value: (9223372036854775807, 999999999)\n"), "anon_inode:[timerfd]")
	f.Fuzz(func(t *testing.T, b []byte, link string) {
		if info, err := ParseFDInfo(b); err == nil && info.Timer < 0 {
			t.Errorf("%q: expires %s ago", b, -info.Timer)
		}
		fd := ParseFDLink(link)
		if fd.Kind == "" || fd.Link != Clean([]byte(fd.Link)) {
			t.Errorf("%q: %+v", link, fd)
		}
	})
}

func TestLoopbackTellsTheHostFromTheWorld(t *testing.T) {
	for _, c := range []struct {
		local, remote string
		want          bool
	}{
		{"127.0.0.1:1616", "127.0.0.1:5000", true},
		{"[::1]:1616", "[::1]:5000", true},
		{"[::ffff:127.0.0.1]:1616", "127.0.0.1:5000", true},
		{"10.0.0.5:1616", "10.0.0.5:5000", true},
		{"10.0.0.5:1616", "1.2.3.4:443", false},
		{"127.0.0.1:1616", "", true},
		{"0.0.0.0:1616", "", false},
		{"[::]:1616", "", false},
		{"127.0.0.1.example:1", "127.0.0.1:2", false},
		{"", "", false},
	} {
		if got := loopback(c.local, c.remote); got != c.want {
			t.Errorf("%s %s: %v", c.local, c.remote, got)
		}
	}
}
