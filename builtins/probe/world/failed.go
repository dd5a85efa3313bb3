package world

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"runbook/builtins/probe"
)

// show lets every question about the path fail.
func (f failure) show(m *probe.Answers) {
	kind := map[string]string{"denied": "permission denied", "timeout": probe.ErrTimeout.Error()}[f.how]
	answer := probe.Failure{Kind: f.how, Text: fmt.Sprintf("read %s: %s", f.path, kind)}
	switch op, about, _ := strings.Cut(f.path, "/"); op {
	case "sockets":
		m.Failed[probe.Question{Op: op, About: about}] = answer
		if pid, err := strconv.Atoi(about); err == nil {
			delete(m.Sockets, pid)
		}
	case "pipe":
		m.Failed[probe.Question{Op: op, About: about}] = answer
		delete(m.Pipes, about)
	default:
		for _, op := range []string{"read", "readlink", "readdir"} {
			m.Failed[probe.Question{Op: op, About: f.path}] = answer
		}
		delete(m.Files, f.path)
		delete(m.Links, f.path)
		delete(m.Dirs, f.path)
	}
}

// readable is the error of a path that nobody would read: the mistyped one would
// be readable.
func (w *world) readable(m *probe.Answers, path string) error {
	first, rest, _ := strings.Cut(path, "/")
	switch first {
	case "sockets":
		return w.below(rest)
	case "pipe":
		if _, ok := m.Pipes[rest]; !ok {
			return errors.New("want pipe/PID/FD, of a pipe")
		}
		return nil
	case "sys", "net", "self":
		return nil
	}
	pid, err := strconv.Atoi(first)
	if err == nil {
		if err := w.below(path); err != nil {
			return err
		}
	}
	known := map[string]bool{}
	for _, all := range [][]string{slices.Collect(maps.Keys(m.Files)), slices.Collect(maps.Keys(m.Links)), slices.Collect(maps.Keys(m.Dirs))} {
		for _, name := range all {
			known[name] = true
		}
	}
	for q := range m.Failed { // what is not there, or denied already
		known[q.About] = true
	}
	for _, name := range unwritten {
		known[fmt.Sprintf("%d/%s", pid, name)] = pid > 0
	}
	if known[path] {
		return nil
	}
	// Threads and descriptors would hide the others.
	maps.DeleteFunc(known, func(name string, is bool) bool {
		return !is || strings.HasPrefix(name, first+"/") != (pid > 0) || strings.Count(name, "/") > 1 && !strings.HasPrefix(path, name[:strings.LastIndex(name, "/")])
	})
	return &Unknown{"it is no file of the world", path, slices.Sorted(maps.Keys(known))}
}

// unwritten are what the probes read of a process, and no world has.
var unwritten = []string{"environ", "maps", "mem", "cwd", "root", "stack", "python", "ns/time"}

// below is the error of a path that begins with a pid that the world does not
// have.
func (w *world) below(path string) error {
	first, _, _ := strings.Cut(path, "/")
	if pid, err := strconv.Atoi(first); err == nil && w.procs[pid] == nil {
		return fmt.Errorf("there is no process %d", pid)
	}
	return nil
}
