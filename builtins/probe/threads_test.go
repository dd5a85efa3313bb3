package probe

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestThreadsSayInWhatTheyWait(t *testing.T) {
	h := newTiny()
	h.add("7 1 S python3")
	h.files["7/task/7/wchan"], h.files["7/task/7/syscall"] = "wait_woken", "45 0x8 0x7f 0x1000 0x0 0x0 0x0 0x7ffe 0x7f5a\n"
	h.files["7/task/9/stat"] = "9 (Trio thread 0) S 1 7 7 0 -1 64 0 0 0 0 2 1 0 0 20 0 2 0 7 0 0\n"
	h.files["7/task/9/status"] = h.files["7/status"]
	h.files["7/task/9/wchan"], h.files["7/task/9/syscall"] = "futex_do_wait", "202 0x7f 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7f5a\n"
	h.files["7/task/10/stat"] = "10 (vanishing) S 1 7 7 0 -1 64 0 0 0 0 2 1 0 0 20 0 2 0 7 0 0\n" // ended before its status was read

	var seen Ledger
	fds := []FD{{Num: 8, Kind: "socket", Link: "socket:[99]", Inode: 99}}
	got, err := Threads(WithLedger(t.Context(), &seen), h, 7, fds)
	if err != nil {
		t.Fatal(err)
	}
	want := []Thread{
		{TID: 7, Name: "python3", State: "S", Wchan: "wait_woken", Family: "socket", Syscall: "recvfrom", SyscallNr: 45,
			Args: [6]uint64{8, 0x7f, 0x1000}, FD: 8, Target: &fds[0], CPU: 100e6, Voluntary: 5, Forced: 2},
		{TID: 9, Name: "Trio thread 0", State: "S", Wchan: "futex_do_wait", Family: "futex", Syscall: "futex", SyscallNr: 202,
			Args: [6]uint64{0x7f}, FD: -1, CPU: 30e6, Voluntary: 5, Forced: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rows, want := seen.Rows(), []Coverage{
		{Probe: "threads", PID: 7, Status: "read"}, {Probe: "wchan", PID: 7, Status: "read"}, {Probe: "syscall", PID: 7, Status: "read"},
	}; !cmp.Equal(rows, want) {
		t.Error(cmp.Diff(want, rows))
	}
}

func TestAHiddenWchanIsNotNone(t *testing.T) {
	for _, c := range []struct {
		name, state, wchan, syscall string
		hidden                      bool
		family, call                string
	}{
		{"another user's", "S", "0", "denied", true, "", ""},
		{"no kallsyms, but the call is known", "S", "0", "232 0x3 0x0 0x0 0x0 0x0 0x0 0x1 0x2\n", true, "epoll", "epoll_wait"},
		{"it woke up between two reads", "S", "0", "running\n", false, "running", "running"},
		{"it runs", "R", "0", "running\n", false, "running", "running"},
		{"select of no descriptor", "S", "do_select", "23 0x0 0x0 0x0 0x0 0x7f00 0x0 0x1 0x2\n", false, "sleep", "select"},
		{"select of one", "S", "do_select", "23 0x1 0x7f00 0x0 0x0 0x0 0x0 0x1 0x2\n", false, "poll", "select"},
		{"pselect6 of no descriptor", "S", "0", "270 0x0 0x0 0x0 0x0 0x7f00 0x0 0x1 0x2\n", true, "sleep", "pselect6"},
		{"poll of no descriptor", "S", "do_poll", "7 0x7f00 0x0 0x3e8 0x0 0x0 0x0 0x1 0x2\n", false, "sleep", "poll"},
		{"poll of one", "S", "do_poll", "7 0x7f00 0x1 0x3e8 0x0 0x0 0x0 0x1 0x2\n", false, "poll", "poll"},
		{"Yama hides the call only", "S", "do_epoll_wait", "denied", false, "epoll", ""},
		{"stopped outside any call", "T", "do_signal_stop", "-1 0x1 0x2\n", false, "stopped", "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTiny()
			h.add("7 1 " + c.state + " python3")
			h.files["7/task/7/wchan"], h.files["7/task/7/syscall"] = c.wchan, c.syscall
			var seen Ledger
			got, err := Threads(WithLedger(t.Context(), &seen), h, 7, nil)
			if err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
			if got[0].WchanHidden != c.hidden || got[0].Family != c.family || got[0].Syscall != c.call {
				t.Errorf("hidden %v, family %q, syscall %q; want %v, %q, %q", got[0].WchanHidden, got[0].Family, got[0].Syscall, c.hidden, c.family, c.call)
			}
			for _, row := range seen.Rows() {
				denied := row.Probe == "wchan" && c.hidden || row.Probe == "syscall" && c.syscall == "denied"
				if want := map[bool]string{true: "denied", false: "read"}[denied]; row.Status != want {
					t.Errorf("coverage of %s: %s, want %s", row.Probe, row.Status, want)
				}
				if denied && row.Remedy == "" {
					t.Errorf("coverage of %s has no remedy", row.Probe)
				}
			}
		})
	}
}

// wokenBetween is a machine on which a thread runs just when its wchan is asked
// for the first time.
type wokenBetween struct {
	*tiny
	asked int
}

func (w *wokenBetween) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	if strings.HasSuffix(path, "/wchan") {
		if w.asked++; w.asked == 1 {
			return []byte("0"), nil
		}
	}
	return w.tiny.ReadFile(ctx, path, buf)
}

func TestAThreadThatFellAsleepAgainHidesNothing(t *testing.T) {
	h := &wokenBetween{tiny: newTiny()}
	h.add("7 1 S bash")
	h.files["7/task/7/wchan"], h.files["7/task/7/syscall"] = "do_wait", "61 0xffffffff 0x7f00 0x0 0x0 0x0 0x0 0x1 0x2\n"
	var seen Ledger
	got, err := Threads(WithLedger(t.Context(), &seen), h, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].WchanHidden || got[0].Wchan != "do_wait" {
		t.Errorf("wchan %q, hidden %v; want do_wait, shown", got[0].Wchan, got[0].WchanHidden)
	}
	for _, row := range seen.Rows() {
		if row.Status != "read" {
			t.Errorf("coverage of %s: %s", row.Probe, row.Status)
		}
	}
}

func TestANamedPipeIsRecognisedByTheWaitInIt(t *testing.T) {
	h := newTiny()
	h.add("7 1 S cat")
	h.files["7/task/7/wchan"], h.files["7/task/7/syscall"] = "anon_pipe_read", "0 0x3 0x0 0x0 0x0 0x0 0x0 0x1 0x2\n"
	fds := []FD{{Num: 3, Kind: "file", Link: "/run/fifo"}}
	got, err := Threads(t.Context(), h, 7, fds)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Target == nil || got[0].Target.Kind != "fifo" || fds[0].Kind != "file" {
		t.Errorf("target %+v, given %+v", got[0].Target, fds[0])
	}
}

func TestThreadsOfAVanishedProcess(t *testing.T) {
	if got, err := Threads(t.Context(), newTiny(), 7, nil); !Gone(err) {
		t.Errorf("%v, %v; want fs.ErrNotExist", got, err)
	}
}

func TestRemediesCanBeTyped(t *testing.T) {
	for _, c := range []struct {
		name  string
		uid   int // ours
		scope string
		of    int
		live  bool
		caps  string // CapEff of ours
		want  string
	}{
		{"Yama, our own process", 1000, "1\n", 1000, true, "", "sudo sysctl kernel.yama.ptrace_scope=0"},
		{"Yama, another user's process", 1000, "1\n", 0, true, "", "sudo runbook run wedged-actor"},
		{"no Yama, another user's process", 1000, "", 0, true, "", "sudo runbook run wedged-actor"},
		{"Yama that lets nobody", 0, "3\n", 1000, true, "000001ffffffffff", "kernel.yama.ptrace_scope is 3: nobody may attach before a boot without it"},
		{"root without the capability", 0, "", 1000, true, "00000000a80425fb", "give the container CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE), or try on the host itself"},
		{"root with it", 0, "", 1000, true, "000001ffffffffff", "root may not either: a security module or a user namespace forbids it; try on the host itself"},
		{"a capture", 1000, "", 1000, false, "", "capture it again with more rights: sudo runbook capture -o again.tgz"},
	} {
		h := newTiny()
		h.clock.UID, h.clock.Live = c.uid, c.live
		if c.scope != "" {
			h.files["sys/kernel/yama/ptrace_scope"] = c.scope
		}
		if c.caps != "" {
			h.clock.PID = 77
			h.files["77/status"] = "Name:\trunbook\nCapEff:\t" + c.caps + "\n"
		}
		got := Remedy(t.Context(), h, c.of)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if strings.Contains(got, "…") {
			t.Errorf("%s: %q can't be typed as it stands", c.name, got)
		}
	}
}

func TestSignalsOfAVanishedProcessAreAnError(t *testing.T) {
	var seen Ledger
	_, err := ReadSignals(WithLedger(t.Context(), &seen), newTiny(), 7)
	if !Gone(err) || seen.Rows()[0].Status != "absent" {
		t.Errorf("%v, %+v", err, seen.Rows())
	}
	if !errors.Is(err, ErrTimeout) && errors.Is(err, ErrReused) {
		t.Error(err)
	}
}
