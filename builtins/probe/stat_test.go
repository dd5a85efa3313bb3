package probe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatOfANameWithBrackets(t *testing.T) {
	const line = "4242 (_subactor[a) R 1) S 4240 4200 4199 34816 4242 4194304 900 0 3 0 1234 56 7 8 20 0 3 0 98765 1000 200 18446744073709551615\n"
	got, err := ParseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := Stat{
		PID: 4242, Comm: "_subactor[a) R 1", State: "S", PPID: 4240, PGID: 4200, SID: 4199, TTY: 34816,
		User: 1234, System: 56, Threads: 3, Start: 98765,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatOfAZombieTellsItsEnd(t *testing.T) {
	const line = "7 (python3) Z 1 1 1 0 -1 4194316 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 139\n"
	got, err := ParseStat([]byte(line))
	if err != nil || got.Exit != 139 {
		t.Errorf("exit = %d, err %v; want 139, SIGSEGV with a core", got.Exit, err)
	}
}

func TestStatOfAKernelThread(t *testing.T) {
	got, err := ParseStat([]byte("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 3 0 0 20 0 1 0 1 0 0\n"))
	if err != nil || !got.Kernel {
		t.Errorf("kernel = %v, err %v; want a kernel thread", got.Kernel, err)
	}
}

func TestStatRefusesWhatIsCut(t *testing.T) {
	for _, line := range []string{
		"", "12", "12 (x", "12 x) S", "12 (x) S 1 2 3", "x (y) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0",
		"12 (x) SS 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0", "12 (x) S 1 1 1 0 -1 0 0 0 0 0 -1 1 0 0 20 0 1 0 5 0 0",
	} {
		if st, err := ParseStat([]byte(line)); err == nil {
			t.Errorf("%q gave %+v, want an error", line, st)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("4242 (a b) S 1 1 1 0 -1 4194304 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0\n"))
	f.Add([]byte("1 () R"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := ParseStat(b)
		if err == nil && len(st.State) != 1 {
			t.Errorf("state %q", st.State)
		}
	})
}

func TestStatusKeepsTheMasks(t *testing.T) {
	got, err := ParseStatus([]byte("Name:\tpython3\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t77\nPid:\t78\nPPid:\t1\nTracerPid:\t9\nNSpid:\t78\t6\t2\n" +
		"Uid:\t1000\t0\t0\t0\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\nSigBlk:\t0000000000000004\n" +
		"SigIgn:\t0000000000001006\nSigCgt:\t0000000180000000\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Status{
		TGID: 77, PID: 78, Inner: 2, PPID: 1, UID: 1000, Tracer: 9, Voluntary: 12, Forced: 3,
		Signals: Signals{Pending: 3, Blocked: 4, Ignored: 0x1006, Caught: 0x180000000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !Has(got.Signals.Ignored, 2) || !Has(got.Signals.Ignored, 3) || !Has(got.Signals.Ignored, 13) || Has(got.Signals.Ignored, 15) {
		t.Errorf("ignored %x: want SIGINT, SIGQUIT and SIGPIPE", got.Signals.Ignored)
	}
	for _, bad := range []string{"", "Pid:\t1\n", "Pid:\tx\nUid:\t0\n", "Pid:\t1\nUid:\t0\nSigCgt:\tzz\n"} {
		if _, err := ParseStatus([]byte(bad)); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("Pid:\t1\nUid:\t0\t0\t0\t0\nSigCgt:\t0000000180000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseStatus(b); err == nil && s.PID == 0 {
			t.Error("no pid")
		}
	})
}

func TestCgroupPrefersTheServiceManagersHierarchy(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"0::/user.slice/user-1000.slice/session-3.scope\n", "/user.slice/user-1000.slice/session-3.scope"},
		{"12:memory:/docker/abc\n1:name=systemd:/system.slice/app.service\n0::/\n", "/system.slice/app.service"},
		{"3:cpu,cpuacct:/a:b\n", "/a:b"},
		{"0::/\n", "/"},
		{"", ""},
		{"garbage\n", ""},
		{"0::/x\x1b[2J\n", "/x\uFFFD[2J"},
	} {
		if got := ParseCgroup([]byte(c.file)); got != c.want {
			t.Errorf("%q: %q, want %q", c.file, got, c.want)
		}
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add([]byte("0::/a\n1:name=systemd:/b\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := ParseCgroup(b)
		if got != Clean([]byte(got)) {
			t.Errorf("%q is not clean", got)
		}
	})
}
