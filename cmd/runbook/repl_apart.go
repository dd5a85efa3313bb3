package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// What is typed at a prompt may ask for more memory than the machine has, as a
// recipe may (see cell). Almost always the input is refused (see engine.Session);
// for the others a session is a process of its own, with a limit on its address
// space, on our terminal: we wait, and say what became of it.

// sessionLimit leaves room for what an input takes until it is seen to be too
// much: a list that grows is there twice, and what it was lies about.
const sessionLimit = 4 * memoryLimit

// apartEnv tells the process that it is the session, and apartMark is the
// descriptor on which it says that it ended by itself: the runtime's own end,
// when there is no memory, has the exit code of a usage error. apartErr is the
// stderr of people: what the runtime says at its end are pages, and go to us.
const (
	apartEnv  = "RUNBOOK_REPL"
	apartMark = 3
	apartErr  = 4
)

// apart reports whether this process is the session, and confines it. leave says
// that it ended by itself.
func apart() (is bool, leave func(), err error) {
	if os.Getenv(apartEnv) == "" {
		return false, nil, nil
	}
	os.Unsetenv(apartEnv) // not for the programs that we start
	for name := range confinedOnly {
		os.Unsetenv(name)
	}
	mark := os.NewFile(apartMark, "mark")
	closeOnExec(apartMark)
	os.Stderr = os.NewFile(apartErr, "/dev/stderr")
	closeOnExec(apartErr)
	debug.SetMemoryLimit(2 * memoryLimit) // sweep before the end is near
	return true, func() { _, _ = mark.Write([]byte{'.'}); mark.Close() }, limitMemory(sessionLimit)
}

// replApart runs the session, and exits as it did.
func (d *door) replApart(args []string) error {
	exe, err := thisBinary()
	if err != nil {
		return fmt.Errorf("start the session: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the session: %w", err)
	}
	defer read.Close()
	cmd := exec.Command(exe, append([]string{"repl"}, args...)...)
	cmd.Args[0] = "runbook"
	cmd.Env = append(os.Environ(), apartEnv+"=1")
	for name, value := range confinedOnly {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	last := &head{max: 16 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = d.in, d.out, last, []*os.File{write, os.Stderr}
	before, _ := term.GetState(int(d.in.Fd())) // nil: no terminal

	// Ctrl-C reaches the session by itself, and is its business.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	err = cmd.Start()
	write.Close()
	if err != nil {
		return fmt.Errorf("start the session: %w", err)
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGINT {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("the session: %w", err)
	}
	n, _ := read.Read(make([]byte, 1))
	code := exit.ExitCode()
	if n == 1 || code == 130 || code == 143 {
		return exitError(code)
	}
	if before != nil {
		_ = term.Restore(int(d.in.Fd()), before)
	}
	why := causeOfDeath(last.text(), exit)
	if why == outOfMemory {
		why = "the session died: a value needed too much memory, and its names are gone"
	} else {
		why = "the session died: " + strings.TrimPrefix(why, "the confined process died: ")
	}
	if done := putBackAfter(cmd.Process.Pid); done != "" {
		why += "; " + done
	}
	return &hinted{err: &died{why: why}, hint: "what was typed comes back with Up in the next one", code: exitWrong}
}
