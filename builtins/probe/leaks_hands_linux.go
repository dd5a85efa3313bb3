package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// follow sees, from now until stop is called, in whose hands new socket files
// and shared memory are: the kernel tells when one is made, and then the
// descriptors and mappings of all processes below us are read. Of one that was
// let go within a moment it is not known: a file does not say who made it.
//
// Nothing is read while nothing is made there.
func (w *leakWatch) follow(ctx context.Context) (stop func()) {
	in, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return func() {} // there are too many of these
	}
	dirs := map[int32]string{}
	watch := func(dir string, what uint32) {
		if len(dirs) > 2*mostDirectories {
			return // a test that unpacks an archive is not worth more
		}
		if id, err := unix.InotifyAddWatch(in, dir, what|unix.IN_ONLYDIR|unix.IN_DONT_FOLLOW); err == nil {
			dirs[int32(id)] = dir
		}
	}
	for _, dir := range w.dirs {
		watch(dir, unix.IN_CREATE)
	}
	watch(shmDir, unix.IN_CREATE|unix.IN_OPEN|unix.IN_MODIFY)
	done := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		buf := make([]byte, 64<<10)
		new := map[string]bool{}
		for _, tree := range w.trees { // while the program starts
			for _, dir := range directories(tree) {
				watch(dir, unix.IN_CREATE)
			}
		}
		for {
			select {
			case <-done:
				return
			default:
			}
			ready, _ := unix.Poll([]unix.PollFd{{Fd: int32(in), Events: unix.POLLIN}}, 100)
			if ready > 0 {
				n, err := unix.Read(in, buf)
				if err != nil {
					continue
				}
				for _, e := range inotifyEvents(buf[:n]) {
					path := filepath.Join(dirs[e.watch], e.name)
					info, err := os.Lstat(path)
					switch {
					case err != nil || ownerOf(info) != w.host.Clock().UID:
					case info.IsDir() && dirs[e.watch] != shmDir:
						for _, dir := range directories(path) {
							watch(dir, unix.IN_CREATE)
							entries, _ := os.ReadDir(dir) // what came before the watch
							for _, e := range entries {
								new[filepath.Join(dir, e.Name())] = e.Type()&fs.ModeSocket != 0
							}
						}
					case info.Mode()&fs.ModeSocket != 0, dirs[e.watch] == shmDir && info.Mode().IsRegular() && !w.shm[fileOf(info)]:
						new[path] = true
					}
				}
			}
			w.lookForHands(ctx, new)
		}
	})
	return func() {
		close(done)
		following.Wait()
		unix.Close(in)
	}
}

// lookForHands reads which of these files processes below us have, and drops
// those that were found, and those that are gone.
func (w *leakWatch) lookForHands(ctx context.Context, files map[string]bool) {
	links, shm := map[string]string{}, map[devInode]string{} // path of each
	var sockets []string
	for path, wanted := range files {
		info, err := os.Lstat(path)
		switch {
		case err != nil || !wanted:
			delete(files, path)
		case info.Mode()&fs.ModeSocket != 0:
			sockets = append(sockets, path)
		default:
			links[path], shm[fileOf(info)] = path, path
		}
	}
	if len(sockets) > 0 {
		rows, _ := netUnix(ctx, w.host, w.host.Clock().PID)
		for _, s := range rows {
			for _, path := range sockets { // it is as it was given to bind: it may be relative
				if s.Local == path || s.Local != "" && s.Local[0] != '@' && !filepath.IsAbs(s.Local) && strings.HasSuffix(path, "/"+filepath.Clean(s.Local)) {
					links[socketLink(s.Inode)] = path
				}
			}
		}
	}
	if len(links) == 0 {
		return
	}
	found := func(path string, pid int) {
		w.mu.Lock()
		w.hands[path] = pid
		w.mu.Unlock()
		delete(files, path)
	}
	for _, pid := range descendants(os.Getpid()) {
		dir := "/proc/" + strconv.Itoa(pid)
		fds, _ := os.ReadDir(dir + "/fd")
		for _, fd := range fds {
			to, _ := os.Readlink(dir + "/fd/" + fd.Name())
			if path := links[to]; path != "" {
				found(path, pid)
			}
		}
		if len(shm) == 0 {
			continue
		}
		maps, _ := os.ReadFile(dir + "/maps")
		for line := range bytes.Lines(maps) {
			if id, ok := mappedFile(line); ok && shm[id] != "" {
				found(shm[id], pid)
			}
		}
	}
}

// descendants are all that are below a process now.
func descendants(pid int) []int {
	var out []int
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				out = append(append(out, child), descendants(child)...)
			}
		}
	}
	return out
}

type inotifyEvent struct {
	watch int32
	name  string
}

// inotifyEvents reads what inotify(7) gives.
func inotifyEvents(b []byte) []inotifyEvent {
	var out []inotifyEvent
	for len(b) >= unix.SizeofInotifyEvent {
		n := int(binary.NativeEndian.Uint32(b[12:])) + unix.SizeofInotifyEvent
		if n > len(b) {
			break
		}
		name, _, _ := bytes.Cut(b[unix.SizeofInotifyEvent:n], []byte{0})
		out = append(out, inotifyEvent{int32(binary.NativeEndian.Uint32(b)), string(name)})
		b = b[n:]
	}
	return out
}
