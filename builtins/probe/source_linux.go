package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// AsProcess has f open files with the rights of the process and no more: on a
// thread of its own, which ends afterwards, with the user, the groups and the
// capabilities that the kernel asks for when that process opens a file. So a path
// that the process tells us leads to nothing that it could not show itself.
func (m liveMemory) AsProcess(pid int, f func(open SourceOpener)) error {
	if m.live.refuseAttach {
		return fmt.Errorf("open files of %d: %w", pid, unix.EPERM)
	}
	r, err := rightsOf(pid)
	if err != nil {
		return err
	}
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: fmt.Sprintf("/proc/%d/root", pid), Err: gone(err)}
	}
	defer unix.Close(root)
	done := make(chan error, 1)
	go apart(func() {
		err := r.take()
		if err == nil {
			f(func(name string) (*os.File, error) { return openSource(root, name) })
		}
		done <- err
	})
	if err := <-done; err != nil {
		return fmt.Errorf("take the rights of process %d: %w", pid, err)
	}
	return nil
}

// apart calls f on a thread that does nothing else, and ends with it. The main
// thread never is that: what proc says of us is what it says of that one.
func apart(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // locked: then the thread ends
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		apart(f)
	}()
	<-done
	runtime.UnlockOSThread()
}

// rights are by what the kernel decides whether a process may open a file
// (credentials(7)).
type rights struct {
	uid, gid int // of the file system
	groups   []int
	reads    bool // whatever the modes say: CAP_DAC_OVERRIDE or CAP_DAC_READ_SEARCH, and in our user namespace
}

// readsAny are the capabilities that open files whatever their modes say.
const readsAny = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH

func rightsOf(pid int) (rights, error) {
	status := fmt.Sprintf("/proc/%d/status", pid)
	b, err := os.ReadFile(status)
	if err != nil {
		return rights{}, err
	}
	r := rights{uid: -1, gid: -1}
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		words := bytes.Fields(value)
		switch {
		case string(key) == "Uid" && len(words) == 4: // real, effective, saved, of the file system
			r.uid, err = number(words[3])
		case string(key) == "Gid" && len(words) == 4:
			r.gid, err = number(words[3])
		case string(key) == "Groups":
			for _, w := range words {
				n, failed := number(w)
				r.groups, err = append(r.groups, n), errors.Join(err, failed)
			}
		case string(key) == "CapEff" && len(words) == 1:
			var set uint64
			set, err = strconv.ParseUint(string(words[0]), 16, 64)
			r.reads = set&readsAny != 0
		}
		if err != nil {
			return rights{}, fmt.Errorf("%s: %s: %w", status, key, err)
		}
	}
	if r.uid < 0 || r.gid < 0 {
		return rights{}, fmt.Errorf("%s: no Uid or no Gid", status)
	}
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
	ours, _ := os.Readlink("/proc/self/ns/user")
	r.reads = r.reads && err == nil && theirs == ours // elsewhere they are worth less
	return r, nil
}

// take gives these rights to the thread that calls it. Who may not change his
// groups can take those of his own user alone, and keeps his groups: his processes
// can be made to do anything that he can.
func (r rights) take() error {
	dumpable := wasDumpable()
	if ours, err := os.Getgroups(); err != nil || !slices.Equal(ours, r.groups) || unix.Getegid() != r.gid || unix.Geteuid() != r.uid {
		err := unix.Setgroups(r.groups)
		if err != nil && unix.Geteuid() != r.uid {
			return err
		}
		for _, set := range []struct {
			to  func(int) (int, error)
			id  int
			who string
		}{{unix.SetfsgidRetGid, r.gid, "group"}, {unix.SetfsuidRetUid, r.uid, "user"}} {
			_, _ = set.to(set.id)
			if now, _ := set.to(-1); now != set.id && err == nil { // it tells no failure itself: setfsuid(2)
				return fmt.Errorf("%s %d of the file system: %w", set.who, set.id, unix.EPERM)
			}
		}
	}
	if !r.reads {
		if err := dropReadsAny(); err != nil {
			return err
		}
	}
	if dumpable { // of the whole program, and the kernel takes it with any change
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	}
	return nil
}

// wasDumpable is what we were before any thread of ours took other rights.
var wasDumpable = sync.OnceValue(func() bool {
	n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return err == nil && n == 1
})

func dropReadsAny() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	if sets[0].Effective&readsAny == 0 {
		return nil
	}
	sets[0].Effective &^= readsAny
	if err := unix.Capset(&head, &sets[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}

// openSource opens a regular file below root, and nothing else: a device may do
// something as soon as it is opened. Links lead to where they do for the process.
func openSource(root int, name string) (*os.File, error) {
	at, err := unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &os.PathError{Op: "open", Path: name, Err: ErrNoFile}
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/thread-self/fd/%d", at), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}
