package probe

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Leak is one thing that a program left behind.
type Leak struct {
	Kind string // process, listener, socket_file, shm
	Text string // what it is, in a line
	Path string // of a socket_file or shm, address of a listener
	PID  int    // of a process, or a listener's; 0 = nobody's
	// Proved: it is the program's own. So are processes and listeners, and a file
	// that was seen in the hands of one of its processes.
	Proved bool
}

// leakWatch compares what is there before a program runs and afterwards.
//
// Processes, and where they listen, are the program's own by descent. Files
// are told by our uid and the time: another program of ours may have made
// them meanwhile, which is why files are named and never removed.
type leakWatch struct {
	host  Host
	began time.Time
	dirs  []string          // in which socket files may appear, and one level below
	trees []string          // the same, and anywhere below
	shm   map[devInode]bool // that was there

	mu    sync.Mutex
	hands map[string]int // pid of the program in whose hands a file was seen, by path
}

// clockGrain is how far behind the clock a file's time may be.
const clockGrain = 20 * time.Millisecond

// watchLeaks begins to compare. Besides where socket files usually are it looks
// into places, and below; see directories for how far.
func watchLeaks(h Host, env []string, places ...string) *leakWatch {
	w := &leakWatch{host: h, began: time.Now(), shm: map[devInode]bool{}, hands: map[string]int{}}
	tmp := envValue(env, "TMPDIR")
	if tmp == "" {
		tmp = "/tmp"
	}
	for _, dir := range append([]string{envValue(env, "XDG_RUNTIME_DIR"), tmp}, places...) {
		if filepath.IsAbs(dir) && !slices.Contains(w.dirs, dir) {
			w.dirs = append(w.dirs, dir)
		}
	}
	for _, dir := range places {
		within := func(tree string) bool {
			return dir == tree || strings.HasPrefix(dir, strings.TrimSuffix(tree, "/")+"/")
		}
		if filepath.IsAbs(dir) && !slices.ContainsFunc(w.trees, within) {
			w.trees = append(w.trees, dir)
		}
	}
	for _, info := range ownFiles(h, shmDir) {
		w.shm[fileOf(info)] = true
	}
	return w
}

// envValue is the last value of a name, which is the one that counts.
func envValue(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// ownFiles are the regular files of a directory that belong to us.
func ownFiles(h Host, dir string) []fs.FileInfo {
	entries, _ := os.ReadDir(dir) // none there: nothing can be left there
	var out []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && ownerOf(info) == h.Clock().UID {
			out = append(out, info)
		}
	}
	return out
}

// processes names who outlived the program, and where they listen. To be called
// while they live.
func (w *leakWatch) processes(ctx context.Context, left []Process) []Leak {
	var leaks []Leak
	pids := map[int]bool{}
	for _, p := range left {
		pids[p.PID] = true
		what := p.Comm
		if len(p.Args) > 0 {
			what = shortened(CommandLine(p.Args))
		}
		leaks = append(leaks, Leak{Kind: "process", Proved: true, PID: p.PID, Text: fmt.Sprintf("%s (pid %d) outlived the run, and was ended", what, p.PID)})
	}
	listeners, err := Listeners(ctx, w.host, nil)
	if err != nil {
		return leaks // it is noted as not read
	}
	for _, l := range listeners {
		for _, holder := range l.Holders {
			if pids[holder.PID] {
				leaks = append(leaks, Leak{Kind: "listener", Proved: true, Path: l.Address, PID: holder.PID,
					Text: fmt.Sprintf("pid %d still listened at %s, until it was ended", holder.PID, l.Address)})
				break
			}
		}
	}
	return leaks
}

// What is walked of a tree: a project has hundreds of directories, somebody's
// home more than can be waited for.
const (
	mostDirectories = 2000
	mostWalk        = 100 * time.Millisecond
)

// directories are a tree and what is below it, the outer ones first: at most
// 2,000, or as many as are read within 100 ms. Left out is what is git's, what
// pytest keeps of its tmp_path, and what others installed.
func directories(tree string) []string {
	found := []string{tree}
	for i, began := 0, time.Now(); i < len(found) && time.Since(began) < mostWalk; i++ {
		entries, _ := os.ReadDir(found[i])
		for _, e := range entries {
			name := e.Name()
			switch {
			case !e.IsDir(), name == ".git", name == "node_modules", name == "site-packages", name == "__pycache__", strings.HasPrefix(name, "pytest-of-"):
				continue
			case len(found) == mostDirectories:
				return found
			}
			found = append(found, filepath.Join(found[i], name))
		}
	}
	return found
}

// files names socket files that nobody listens at and shared memory that nobody
// uses, made since the program began. To be called when it is gone.
func (w *leakWatch) files(ctx context.Context) []Leak {
	var leaks []Leak
	since := w.began.Add(-clockGrain)
	for _, dir := range w.dirs {
		leaks = append(leaks, w.socketFiles(ctx, dir, since)...)
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			// What pytest keeps in its tmp_path is nobody else's path.
			if !e.IsDir() || strings.HasPrefix(e.Name(), "pytest-of-") {
				continue
			}
			// A directory changes when something is made in it.
			if info, err := e.Info(); err == nil && ownerOf(info) == w.host.Clock().UID && info.ModTime().After(since) {
				leaks = append(leaks, w.socketFiles(ctx, filepath.Join(dir, e.Name()), since)...)
			}
		}
	}
	for _, tree := range w.trees {
		for _, dir := range directories(tree) {
			if info, err := os.Lstat(dir); err == nil && ownerOf(info) == w.host.Clock().UID && info.ModTime().After(since) {
				leaks = append(leaks, w.socketFiles(ctx, dir, since)...)
			}
		}
	}
	slices.SortFunc(leaks, func(a, b Leak) int { return strings.Compare(a.Path, b.Path) })
	leaks = slices.CompactFunc(leaks, func(a, b Leak) bool { return a.Path == b.Path }) // one directory may lie in another
	return append(leaks, w.sharedMemory(ctx)...)
}

func (w *leakWatch) socketFiles(ctx context.Context, dir string, since time.Time) []Leak {
	entries, _ := os.ReadDir(dir)
	fresh := map[string]bool{}
	for _, e := range entries {
		if e.Type()&fs.ModeSocket == 0 {
			continue
		}
		if info, err := e.Info(); err == nil && ownerOf(info) == w.host.Clock().UID && info.ModTime().After(since) {
			fresh[filepath.Join(dir, e.Name())] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	files, err := UDSFiles(ctx, w.host, dir)
	if err != nil {
		return nil // it is noted as not read
	}
	bound := map[string]bool{} // one that takes datagrams is no listener
	rows, _ := netUnix(ctx, w.host, w.host.Clock().PID)
	for _, s := range rows {
		bound[s.Local] = true
	}
	var leaks []Leak
	for _, f := range files {
		if fresh[f.Path] && !f.Listening && !bound[f.Path] {
			by, proved := w.seenWith(f.Path)
			leaks = append(leaks, Leak{Kind: "socket_file", Path: f.Path, Proved: proved, Text: fmt.Sprintf("socket file %s%s, at which nobody listens", f.Path, by)})
		}
	}
	return leaks
}

func (w *leakWatch) sharedMemory(ctx context.Context) []Leak {
	fresh := map[string]bool{}
	for _, info := range ownFiles(w.host, shmDir) {
		if !w.shm[fileOf(info)] {
			fresh[filepath.Join(shmDir, info.Name())] = true
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	segments, err := SharedMemory(ctx, w.host, true)
	if err != nil {
		return nil
	}
	var leaks []Leak
	for _, s := range segments {
		if !fresh[s.Path] || len(s.MappedBy) > 0 {
			continue
		}
		nobody := "which nobody uses"
		if !s.Certain {
			nobody = "which nobody uses whom we may look at"
		}
		by, proved := w.seenWith(s.Path)
		leaks = append(leaks, Leak{Kind: "shm", Path: s.Path, Proved: proved, Text: fmt.Sprintf("shared memory %s of %d bytes%s, %s", s.Path, s.Size, by, nobody)})
	}
	return leaks
}

// seenWith says of a file who of the program had it, if that was seen.
func (w *leakWatch) seenWith(path string) (by string, proved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if pid := w.hands[path]; pid > 0 {
		return fmt.Sprintf(" of the run's pid %d", pid), true
	}
	return "", false
}

// shortened keeps both ends of a command line: programs given with -c are long.
func shortened(line string) string {
	const most = 120
	r := []rune(line)
	if len(r) <= most {
		return line
	}
	return string(r[:most*2/3]) + " … " + string(r[len(r)-most/3:])
}
