package probe_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/builtins/probe"
)

// A troupe is a tree of real processes: this test binary, started again in
// roles. "cascade(sleep,deaf(exit))" is a process that plays cascade, with two
// children, of which the second has a child too.
//
// Its members end when the test does (their standard input closes), and after a
// minute in any case.
//
//	sleep           does nothing; every signal does what it does to a Go program
//	ignore-int      has SIGINT ignored, as a job in the background of a shell
//	ignore-both     SIGTERM as well
//	deaf            catches both and goes on
//	cascade         passes SIGINT on to its children, waits for them, ends
//	breed           on SIGTERM, has one more child that is deaf, and goes on
//	stopped         stops itself
//	exit            ends at once
//	detach          starts its children in sessions of their own, and ends
//	wait-for-orphan ends when its grandchild's pid is free again
//	limited         runs ulimit -v with its own memory limited
func init() {
	if spec := os.Getenv("PROBE_ROLE"); spec != "" {
		go func() {
			time.Sleep(time.Minute)
			os.Exit(3)
		}()
		play(spec)
		os.Exit(0)
	}
}

func play(spec string) {
	role, inner, _ := strings.Cut(strings.TrimSuffix(spec, ")"), "(")
	interrupted, terminated := make(chan os.Signal, 1), make(chan os.Signal, 1)
	switch role {
	case "ignore-int":
		signal.Ignore(syscall.SIGINT)
	case "ignore-both":
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	case "deaf":
		signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM)
	case "cascade":
		signal.Notify(interrupted, syscall.SIGINT)
	case "breed":
		signal.Ignore(syscall.SIGINT)
		signal.Notify(terminated, syscall.SIGTERM)
	case "limited":
		limited()
		return
	}
	said := []string{strconv.Itoa(os.Getpid())}
	var children []*exec.Cmd
	for _, child := range roles(inner) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "PROBE_ROLE="+child)
		cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: role == "detach"}
		pids := launch(cmd)
		said = append(said, pids...)
		children = append(children, cmd)
	}
	fmt.Println("ready", strings.Join(said, ","))
	if os.Getenv("PROBE_ALONE") == "" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(4)
		}()
	}
	switch role {
	case "exit", "detach":
		os.Exit(0)
	case "stopped":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "cascade":
		<-interrupted
		for _, c := range children {
			_ = c.Process.Signal(syscall.SIGINT)
			_ = c.Wait()
		}
		os.Exit(0)
	case "breed":
		<-terminated
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "PROBE_ROLE=deaf")
		cmd.Stdin = os.Stdin
		launch(cmd)
	case "wait-for-orphan":
		orphan, _ := strconv.Atoi(said[len(said)-1])
		for syscall.Kill(orphan, 0) == nil {
			time.Sleep(time.Millisecond)
		}
		os.Exit(0)
	}
	select {}
}

// roles splits a list at the commas that are in no brackets.
func roles(list string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range list {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out, from = append(out, list[from:i]), i+1
		}
	}
	if list != "" {
		out = append(out, list[from:])
	}
	return out
}

// launch starts a program, waits until a program says that it is ready, and returns the pids that
// it names: its own, and those of its children.
func launch(cmd *exec.Cmd) []string {
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(5)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pids, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		fmt.Fprintf(os.Stderr, "%v said %q\n", cmd.Args, line)
		os.Exit(5)
	}
	return strings.Split(pids, ",")
}

// boot starts a troupe and returns its processes, parents before children.
func boot(t *testing.T, h probe.Host, spec string) []probe.Process {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PROBE_ROLE="+spec)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	var procs []probe.Process
	for _, text := range strings.Split(strings.TrimPrefix(strings.TrimSpace(line), "ready "), ",") {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s said %q", spec, line)
		}
		p, err := probe.ReadProcess(context.Background(), h, pid)
		if err != nil {
			t.Fatal(err)
		}
		procs = append(procs, p)
	}
	return procs
}

func live(t *testing.T) *probe.Live {
	t.Helper()
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// state reads the state letter of a process; "" when it is gone.
func state(h probe.Host, p probe.Process) string {
	now, err := probe.ReadProcess(context.Background(), h, p.PID)
	if err != nil || now.ID != p.ID {
		return ""
	}
	return now.State
}

func runs(h probe.Host, p probe.Process) bool {
	s := state(h, p)
	return s != "" && s != "Z" && s != "X"
}

// until waits for a condition, not for luck.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !met(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func limited() {
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_AS, &limit)
	limit.Cur = 64 << 30
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		fmt.Println(err)
		return
	}
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := h.Act().Run(context.Background(), probe.Command{Args: []string{"sh", "-c", "ulimit -v"}})
	var now syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_AS, &now)
	fmt.Printf("%s%v %v\n", r.Stdout, now == limit, err)
}
