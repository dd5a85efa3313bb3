package probe

import "time"

// Command is a program to run, and how long it may take.
type Command struct {
	Args     []string // argv; Args[0] is looked up in PATH
	Dir      string   // "" = ours
	Env      []string // whole environment; nil = ours
	Stdin    []byte
	Deadline time.Duration // 0 = none
	Grace    time.Duration // from SIGTERM to SIGKILL at the deadline
	MaxBytes int           // of stdout and stderr each; 0 = 1 MiB. More is cut, and said
}

// Result is what became of a Command.
type Result struct {
	ExitCode int    // -1 when a signal ended it
	Signal   string // "SIGKILL"; "" when it exited
	TimedOut bool
	Stdout   []byte
	Stderr   []byte
	Cut      bool // more was printed than was kept
	Duration time.Duration
	// Outlived are the processes that it left behind when it exited, and that
	// did not go by themselves: they were ended. ID, Comm, State, PPID and SID.
	Outlived []Process
}
