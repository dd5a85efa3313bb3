package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"runbook/builtins/probe"
)

// examine looks at this machine, and at an actor of our own in each way that a
// recipe would.
func examine(ctx context.Context) chart {
	var c chart
	c.info("machine", machineLine())
	host, err := openHost(hostOptions{})
	if errors.Is(err, probe.ErrOtherPIDs) {
		c.test("/proc", "", err, "nothing can be looked at without --proc /proc, and nothing ended: its pids are others", "unshare --pid --fork --mount-proc")
		return c
	}
	if err != nil {
		c.test("/proc", "", err, "nothing can be looked at", "mount -t proc proc /proc")
		return c
	}
	c.test("all processes", hidepid(), hides(), "processes of other users are not there for us: their trees look empty", withRights("sudo runbook doctor, or: sudo mount -o remount,hidepid=0 /proc"))
	if m, err := host.Machine(ctx); err == nil {
		c.info("yama", yama(m.PtraceScope))
	}
	c.others(ctx, host)
	c.probes(ctx, host)
	c.test("other network namespaces", "", setns(), "where attach is refused, sockets of a container come from /proc/PID/net: no backlog, no age of the last data", withRights("sudo runbook doctor"))
	c.test("cgroup.kill", "", cgroupKill(), "a program that we start is ended process by process instead of at once", "run below a delegated cgroup, as with: systemd-run --user --scope -p Delegate=yes")
	for _, t := range []struct{ name, costs, remedy string }{
		{"ps", "guidance by hand; runbook itself does not need it", "install procps"},
		{"ss", "guidance by hand; runbook itself does not need it", "install iproute2"},
		{"python3", "recipes that run your project's code", "install python3"},
		{"pytest", "recipes that run your tests", "python3 -m pip install pytest, in the project's environment"},
		{"git", "recipes that compare with an earlier commit", "install git"},
	} {
		path, err := exec.LookPath(t.name)
		if err != nil {
			err = errors.New("not in PATH")
		}
		c.test(t.name, path, err, t.costs, t.remedy)
	}
	dir, err := stateDir()
	if err == nil {
		err = writable(dir)
	}
	if n := unrecovered(ctx); n > 0 {
		c.test("killed runs", "", fmt.Errorf("left %s to clean up", counted(n, "work tree")), "a work tree holds the content of another commit, or a throw-away one is still there", "runbook recover")
	}
	c.test("records", shortHome(dir), err, "runs are not recorded: no history, no replay", "set XDG_STATE_HOME to a directory of yours")
	return c
}

// withRights is a remedy that gives us more rights. Root has no more to get from
// sudo: what is refused to it, the container refuses, or a security module.
func withRights(remedy string) string {
	if os.Geteuid() != 0 {
		return remedy
	}
	return "root may not here: give the container CAP_SYS_PTRACE and CAP_SYS_ADMIN (docker run --privileged), or run it on the host itself"
}

// others tries to read what the processes of other users hold open. Our own
// tree, which the probes try next, says nothing about these.
func (c *chart) others(ctx context.Context, host probe.Host) {
	const name = "processes of other users"
	names, err := host.ReadDir(ctx, ".")
	if err != nil {
		c.test(name, "", err, "all of it", "")
		return
	}
	var st unix.Stat_t
	tried, refused := 0, 0
	var first error
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil || unix.Stat("/proc/"+n, &st) != nil || int(st.Uid) == os.Geteuid() {
			continue
		}
		_, err = probe.FDs(ctx, host, pid)
		switch {
		case err == nil:
			tried++
		case probe.Denied(err):
			tried++
			refused++
			first = cmp.Or(first, err)
		}
		if tried == 32 {
			break // the others are no different
		}
	}
	switch {
	case tried == 0:
		c.info(name, "there are none")
	case refused > 0:
		c.test(name, "", fmt.Errorf("%d of %d may not be read: %w", refused, tried, first),
			"who waits in them, and for whom; locks, pipes and sockets that they hold have no holder", withRights("sudo runbook doctor"))
	default:
		c.test(name, "what they wait for, and hold open", nil, "", "")
	}
}

// probes plants an orphan and looks at it. An orphan, because attaching to
// one's own child is allowed where attaching to anybody else is not: a child
// would promise too much.
func (c *chart) probes(ctx context.Context, host probe.Host) {
	p, err := findScenario("orphan")
	var tree *liveTree
	if err == nil {
		tree, err = plantTree(ctx, p, false)
	}
	if err != nil {
		c.test("a tree of our own", "", err, "the probes below could not be tried", "")
		return
	}
	defer tree.Close()
	pid := tree.pids[p.look]

	var ledger probe.Ledger
	proc, err := probe.ReadProcess(ctx, host, pid)
	var seen []probe.Reading
	if err == nil {
		seen, err = probe.Look(probe.WithLedger(ctx, &ledger), host, []probe.Process{proc})
	}
	if err != nil || len(seen) == 0 {
		c.test("reading a process", "", err, "nothing can be looked at", "")
		return
	}
	r := seen[0]
	denied := func(name string, has bool) error {
		for _, row := range ledger.Rows() {
			if row.Probe == name && row.Status != "read" {
				return errors.New(cmp.Or(row.Detail, row.Status))
			}
		}
		if !has {
			return errors.New("could not be read")
		}
		return nil
	}
	main := r.Main()
	sudo := withRights("sudo runbook doctor")
	attach := withRights("sudo runbook doctor, or: sudo sysctl kernel.yama.ptrace_scope=0")
	c.test("wchan", "what a thread waits for in the kernel", denied("wchan", main != nil && !main.WchanHidden), "whether a loop is idle or blocked: most verdicts fall to unknown", sudo)
	c.test("syscall", "in which call, on which descriptor", denied("syscall", main != nil && main.Syscall != ""), "on which file or socket a blocked thread waits", attach)
	c.test("descriptors", "open files and sockets", denied("fds", r.HasFDs), "everything about sockets, pipes and locks", sudo)
	c.test("epoll", "who waits to read which socket", denied("epoll", r.HasEpoll), "an idle actor and one that stopped consuming look the same", sudo)
	c.test("signals", "which signals it ignores", denied("signals", r.HasSignals), "pkill cannot choose the right first signal", "")

	c.test("attach (pidfd_getfd)", "exact queues, at a cost that does not grow with the machine", bySource(r, "getfd"),
		"sockets come from netlink: the same facts, slower on machines with many sockets", attach)

	shy, err := openHost(hostOptions{RefuseAttach: true})
	if err == nil {
		if seen, err = probe.Look(ctx, shy, []probe.Process{proc}); err == nil {
			err = bySource(seen[0], "sock_diag")
		}
	}
	c.test("netlink sock_diag", "queues without attaching", err, "where attach is refused too, sockets come from /proc/PID/net: no backlog, no age of the last data", "modprobe tcp_diag unix_diag (as root)")
}

// bySource reports whether the sockets of a reading came that way.
func bySource(r probe.Reading, want string) error {
	if !r.HasSockets {
		return errors.New("no sockets could be read")
	}
	for _, s := range r.Sockets {
		if s.Source != want {
			return fmt.Errorf("refused: sockets were read by %s", s.Source)
		}
	}
	return nil
}

func machineLine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	who := fmt.Sprintf("as uid %d", os.Geteuid())
	if os.Geteuid() == 0 {
		who = "as root"
	}
	return fmt.Sprintf("Linux %s %s, %s", unix.ByteSliceToString(u.Release[:]), runtime.GOARCH, who)
}

func yama(scope int) string {
	switch scope {
	case -1:
		return "not there: processes of our own uid may be attached to"
	case 0:
		return "ptrace_scope 0: processes of our own uid may be attached to"
	case 1:
		return "ptrace_scope 1: only root may attach to what it did not start"
	case 2:
		return "ptrace_scope 2: only root may attach"
	default:
		return fmt.Sprintf("ptrace_scope %d: nobody may attach", scope)
	}
}

// hidepid is the option of /proc by which a kernel hides other users'
// processes; "" when it does not.
func hidepid() string {
	b, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[1] != "/proc" {
			continue
		}
		for o := range strings.SplitSeq(f[3], ",") {
			if v, ok := strings.CutPrefix(o, "hidepid="); ok && v != "0" && v != "off" {
				return "hidepid=" + v
			}
		}
	}
	return ""
}

func hides() error {
	if h := hidepid(); h != "" && os.Geteuid() != 0 {
		return errors.New("/proc is mounted with " + h)
	}
	return nil
}

// setns enters the network namespace where we are already, which needs the
// same rights as entering another one.
func setns() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open our own: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter one: %w", err)
	}
	return nil
}

// cgroupKill reports whether we may end a whole cgroup at once (Linux 5.14).
func cgroupKill() error {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	ours, found := "", false
	for line := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			ours, found = p, true
		}
	}
	if !found {
		return errors.New("no unified cgroup hierarchy")
	}
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(mount, "cgroup.procs")); err != nil {
			continue
		}
		// Programs get a child cgroup of ours, so making one is what it takes.
		if err := unix.Access(filepath.Join(mount, ours), unix.W_OK); err != nil {
			return fmt.Errorf("make a cgroup below %s: %w", ours, err)
		}
		return nil
	}
	return errors.New("no unified cgroup hierarchy is mounted")
}

// writable tries the nearest directory that is there.
func writable(dir string) error {
	for {
		if info, err := os.Stat(dir); err == nil {
			if !info.IsDir() {
				return fmt.Errorf("%s is not a directory", dir)
			}
			if err := unix.Access(dir, unix.W_OK); err != nil {
				return fmt.Errorf("write %s: %w", dir, err)
			}
			return nil
		}
		dir = filepath.Dir(dir)
	}
}
