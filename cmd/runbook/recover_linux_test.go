package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// killall FILE PATTERN COMMAND …: starts the command, waits until FILE matches
// PATTERN, and ends it and all below it with SIGKILL, at once.
func scriptKillAll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: killall FILE PATTERN COMMAND …")
	}
	cmd := exec.Command(inPath(ts, args[2]), args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "XDG_STATE_HOME=", "NO_COLOR=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	ts.Check(cmd.Start())
	wanted := regexp.MustCompile("(?m)" + args[1])
	deadline := time.Now().Add(20 * time.Second)
	for {
		b, _ := os.ReadFile(ts.MkAbs(args[0]))
		if wanted.Match(b) {
			break
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			ts.Fatalf("%s never matched %s\n%s", args[0], args[1], said.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	all := below(cmd.Process.Pid)
	for _, pid := range all { // nobody may act on another's death
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	for _, pid := range append(all, below(cmd.Process.Pid)...) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = cmd.Wait()
	for _, pid := range all[1:] {
		for syscall.Kill(pid, 0) == nil && time.Now().Before(deadline) && !zombie(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// below lists a process and all that came of it.
func below(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, task := range tasks {
			b, _ := os.ReadFile(task)
			for _, f := range strings.Fields(string(b)) {
				child, _ := strconv.Atoi(f)
				all = append(all, child)
			}
		}
	}
	return all
}

func zombie(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return strings.Contains(string(b), ") Z ")
}
