package probe

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
)

// only returns what a capture may hold of m: questions of the lists below,
// about processes that keep names, with secrets in command lines masked. This
// is the write boundary: nothing leaves a Recorder but through here.
func (m *Moment) only(keep func(pid int) bool) *Moment {
	out := &Moment{At: m.At, Over: m.Over}
	left := map[int]bool{}
	for _, pid := range m.LeftOut {
		left[pid] = true
	}
	m.eachPID(func(pid int) {
		if pid > 0 && !keep(pid) {
			left[pid] = true
		}
	})
	out.LeftOut = sortedKeys(left)
	for _, a := range m.Asked {
		out.Asked = append(out.Asked, a.only(keep, left))
	}
	return out
}

func (a *Answers) only(keep func(pid int) bool, left map[int]bool) *Answers {
	out := NewAnswers()
	out.Machine = a.Machine
	wanted := func(p string) bool {
		pid := pidOf(p)
		return (pid == 0 || keep(pid)) && mayKeep(p)
	}
	for p, data := range a.Files {
		if wanted(p) {
			out.Files[p] = filterFile(p, data, keep)
		}
	}
	for p, text := range a.Links {
		if wanted(p) {
			out.Links[p] = text
		}
	}
	for p, names := range a.Dirs {
		if p == "." {
			out.Dirs[p] = keptPIDs(names, keep)
		} else if wanted(p) {
			out.Dirs[p] = names
		}
	}
	for pid, answer := range a.Sockets {
		if keep(pid) {
			out.Sockets[pid] = answer
		}
	}
	for key, fill := range a.Pipes {
		if keep(pidOf(key)) {
			out.Pipes[key] = fill
		}
	}
	for q, f := range a.Failed {
		// A pid that was absent is no secret, and an answer: it stays.
		pid := pidOf(q.About)
		path := q.Op == "read" || q.Op == "readlink" || q.Op == "readdir" && q.About != "."
		if (!path || mayKeep(q.About)) && (pid == 0 || keep(pid) || f.Kind == "absent" && !left[pid]) {
			out.Failed[q] = f
		}
	}
	return out
}

// What may be kept of a process, and of the machine. Anything else that a
// probe reads works live and is not captured: environ, mem, maps and the like
// can't come in by accident. Nor can pystack, which only KeepMemory notes.
var (
	keptOfProcess = []string{
		"stat", "status", "cmdline", "comm", "wchan", "syscall", "stack", "cgroup", "children",
		"io", "limits", "sched", "schedstat", "exe", "cwd", "fd", "fdinfo", "task", "ns", "python", "pystack",
		"fd/*", "fdinfo/*", "ns/*", "task/*", "net/tcp", "net/tcp6", "net/unix",
		"task/*/stat", "task/*/status", "task/*/comm", "task/*/wchan", "task/*/syscall", "task/*/stack",
		"task/*/children", "task/*/sched", "task/*/schedstat",
	}
	keptOfMachine = []string{
		"locks", "loadavg", "stat", "uptime", "version", "pressure/*",
		"net/tcp", "net/tcp6", "net/unix", "sys/kernel/*", "sys/kernel/yama/*", "sys/fs/*", "sys/net/core/*",
	}
)

func mayKeep(p string) bool {
	list := keptOfMachine
	first, rest, below := strings.Cut(p, "/")
	if pidOf(p) > 0 || first == "self" || first == "thread-self" {
		if !below {
			return true // the directory itself
		}
		list, p = keptOfProcess, rest
	}
	return slices.ContainsFunc(list, func(pattern string) bool {
		ok, _ := path.Match(pattern, p)
		return ok
	})
}

// filterFile takes out of a file what is not about the kept processes.
func filterFile(p string, data []byte, keep func(pid int) bool) []byte {
	switch {
	case path.Base(p) == "cmdline":
		return MaskCmdline(data)
	case path.Base(p) == "children":
		return keptChildren(data, keep)
	case p == "locks":
		return keptLocks(data, keep)
	}
	return data
}

func keptPIDs(names []string, keep func(pid int) bool) []string {
	kept := []string{}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && keep(pid) {
			kept = append(kept, name)
		}
	}
	return kept
}

// keptChildren filters proc_pid_task_children: pids, each with a space behind.
func keptChildren(data []byte, keep func(pid int) bool) []byte {
	kept := []byte{}
	for _, field := range bytes.Fields(data) {
		if pid, err := strconv.Atoi(string(field)); err == nil && keep(pid) {
			kept = append(append(kept, field...), ' ')
		}
	}
	return kept
}

// keptLocks filters /proc/locks (proc_locks(5)). A lock and its waiters share a
// number and stand or fall together: the holder of a lock for which a kept
// process waits is a fact about that process.
func keptLocks(data []byte, keep func(pid int) bool) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	groups := map[string]bool{}
	number := func(line []byte) string {
		n, _, _ := bytes.Cut(line, []byte(":"))
		return string(bytes.TrimSpace(n))
	}
	for _, line := range lines {
		f := strings.Fields(string(line))
		if len(f) > 1 && f[1] == "->" {
			f = slices.Delete(f, 1, 2)
		}
		// number, kind, advisory, mode, pid; an OFD lock has pid -1 and names nobody
		if len(f) > 4 {
			if pid, err := strconv.Atoi(f[4]); err == nil && (pid <= 0 || keep(pid)) {
				groups[number(line)] = true
			}
		}
	}
	kept := []byte{}
	for _, line := range lines {
		if groups[number(line)] {
			kept = append(kept, line...)
		}
	}
	return kept
}
