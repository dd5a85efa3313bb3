package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// liveTree is a planted tree that runs.
type liveTree struct {
	pids map[string]int // by actor's name

	pidfds map[int]int // by pid: a number alone would be another process one day
	end    chan struct{}
}

// bootTimeout is far above the 0.3 s that four processes take to start, also
// on a machine that is busy: busy machines are where people try tools.
const bootTimeout = 20 * time.Second

// plantTree boots p and returns when the planted state is reached. Close ends
// the tree; so does our own death, however it comes, unless keep is set.
func plantTree(ctx context.Context, p planted, keep bool) (*liveTree, error) {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()

	var ready, life [2]int
	if err := unix.Pipe2(ready[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(ready[0])
	if err := unix.Pipe2(life[:], unix.O_CLOEXEC); err != nil {
		unix.Close(ready[1])
		return nil, fmt.Errorf("pipe: %w", err)
	}
	var files lockFiles
	defer files.close()
	top, err := p.root.withFiles(files.path)
	if err != nil {
		unix.Close(ready[1])
		unix.Close(life[0])
		unix.Close(life[1])
		return nil, err
	}
	t := &liveTree{pids: map[string]int{}, pidfds: map[int]int{}, end: make(chan struct{})}
	type started struct {
		pid int
		err error
	}
	first := make(chan started)
	go func() {
		// The kernel kills the root when the *thread* that started it ends, so
		// this one stays.
		runtime.LockOSThread()
		keepFD := -1
		if keep {
			keepFD = life[1]
		}
		pid, err := startActor(top, ready[1], life[0], keepFD, !keep, true)
		unix.Close(ready[1])
		unix.Close(life[0])
		first <- started{pid, err}
		<-t.end
		unix.Close(life[1])
	}()
	root := <-first
	if root.err != nil {
		close(t.end)
		return nil, root.err
	}
	t.note(p.root.Name, root.pid)
	report, err := readReady(ctx, ready[0], p.root.count())
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("boot the planted tree: %w", err)
	}
	for line := range strings.Lines(report) {
		var name string
		var pid int
		if why, failed := strings.CutPrefix(line, "! "); failed {
			t.Close()
			return nil, fmt.Errorf("boot the planted tree: %s", strings.TrimSpace(why))
		}
		if _, err := fmt.Sscanf(line, "%s %d", &name, &pid); err == nil {
			t.note(name, pid)
		}
	}
	if err := t.settle(ctx, p.root); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// lockFiles are the files that actors lock. They lie in memory and have no name
// on any disk: however we end, and however a tree that was kept ends, nothing
// stays behind. Actors open them through us while the tree boots.
type lockFiles struct{ fds map[string]int }

// path makes the file of that name when it is first asked for.
func (l *lockFiles) path(name string) (string, error) {
	fd, ok := l.fds[name]
	if !ok {
		var err error
		if fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC); err != nil {
			return "", fmt.Errorf("make %s: %w", name, err)
		}
		if l.fds == nil {
			l.fds = map[string]int{}
		}
		l.fds[name] = fd
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
}

func (l *lockFiles) close() {
	for _, fd := range l.fds {
		unix.Close(fd)
	}
}

func (t *liveTree) note(name string, pid int) {
	t.pids[name] = pid
	if _, ok := t.pidfds[pid]; ok {
		return
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		t.pidfds[pid] = fd
	}
}

// readReady is readLines with a deadline: an actor that fails to connect would
// leave its parent waiting in accept for ever.
func readReady(ctx context.Context, fd, n int) (string, error) {
	var text strings.Builder
	for strings.Count(text.String(), "\n") < n {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if m, err := unix.Poll(fds, 50); m == 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		buf := make([]byte, 4096)
		m, err := unix.Read(fd, buf)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return "", fmt.Errorf("read its report: %w", err)
		}
		if m == 0 {
			return "", errors.New("an actor ended before it reached its state")
		}
		text.Write(buf[:max(m, 0)])
	}
	return text.String(), nil
}

// settle waits until every actor sleeps, is stopped or is dead, as it was told: an
// actor says that it is ready just before it gets there, and may well sleep for a
// moment on its way, waiting for a processor.
func (t *liveTree) settle(ctx context.Context, a role) error {
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.pids[a.Name]))
		if err != nil {
			break // gone: the root of the orphans
		}
		after := string(b[strings.LastIndexByte(string(b), ')')+1:])
		if s := strings.Fields(after); len(s) > 0 && s[0] == a.Does.restsAs() && (s[0] != "Z" || t.dead(t.pids[a.Name])) {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not come to rest: %w", a.Name, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	for _, c := range a.Children {
		if err := t.settle(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// dead reports whether the last thread of a process is gone, too: its children are
// orphans only then, and its first thread is a zombie before.
func (t *liveTree) dead(pid int) bool {
	fds := []unix.PollFd{{Fd: int32(t.pidfds[pid]), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}

// Close ends every process of the tree and returns when all are dead. It may
// be called twice.
func (t *liveTree) Close() {
	select {
	case <-t.end:
		return
	default:
		close(t.end)
	}
	for _, fd := range t.pidfds {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
	for pid, fd := range t.pidfds {
		for {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, 2000); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		unix.Close(fd)
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // the root is our child; the others say ECHILD
	}
}
